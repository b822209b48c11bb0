"""A block of plain registers, and what watches single words of it."""
