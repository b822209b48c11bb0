"""What goes wrong with a guest for reasons outside this project."""

from __future__ import annotations


class GuestUnavailable(Exception):
    """A guest is not in the cache and cannot be fetched: one line that says why."""
