"""How things look: numbers as words, cards, charts, the style sheet. Every text that comes from outside is escaped."""
