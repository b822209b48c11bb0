"""Locks that sleep, and the rules of who may take them when."""
