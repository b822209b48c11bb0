"""Booting software that nobody here wrote: what is read, where it goes, and the machine that runs it."""
