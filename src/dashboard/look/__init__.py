"""How things look: words, cards, charts, the style sheet. Every text from outside is escaped."""
