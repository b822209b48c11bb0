"""Scenarios: a board, who drives it, and what is expected of the run."""
