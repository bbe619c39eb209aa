"""The lake, read in a process of its own: its libraries cost 150 MB and a second, and only while somebody looks."""
