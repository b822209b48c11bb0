"""Kernel threads that take turns: who runs, who waits for what, and what can never happen."""
