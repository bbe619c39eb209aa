"""The lake, read in a process of its own: 150 MB and a second, and only while somebody looks."""
