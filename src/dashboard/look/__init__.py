"""How things look: formatting, cards, charts, the style sheet. Every text from outside is escaped."""
