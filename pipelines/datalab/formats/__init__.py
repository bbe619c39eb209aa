"""Files as they arrive: what they are, how they are written, and their rows as record batches."""
