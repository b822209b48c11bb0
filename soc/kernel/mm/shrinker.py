"""Shrinkers: who keeps pages that nobody uses, and gives them back when memory runs out.

An allocation that may reclaim asks them in the order in which they registered,
until as many pages came back as are missing.
Source: mm/shrinker.c, mm/vmscan.c (do_shrink_slab).

Not modelled: scan priorities and batches, kswapd, the page cache and swap.
"""

from __future__ import annotations

from typing import Protocol


class Shrinker(Protocol):
    """Counts in pages."""

    def count_objects(self) -> int:
        """Pages that could be given back now."""
        ...

    def scan_objects(self, nr_to_scan: int) -> int:
        """Give back `nr_to_scan` pages, or a few more where blocks are larger; how many it were."""
        ...


class Shrinkers:
    """The shrinkers of one kernel."""

    def __init__(self) -> None:
        self._registered: list[Shrinker] = []

    def register(self, shrinker: Shrinker) -> None:
        """register_shrinker."""
        self._registered.append(shrinker)

    def unregister(self, shrinker: Shrinker) -> None:
        """unregister_shrinker; one that is not registered is ignored."""
        if shrinker in self._registered:
            self._registered.remove(shrinker)

    def shrink(self, pages: int) -> int:
        """Have `pages` pages given back; how many it were, fewer when there are no more."""
        freed = 0
        for shrinker in self._registered:
            if freed < pages and shrinker.count_objects():
                freed += shrinker.scan_objects(pages - freed)
        return freed
