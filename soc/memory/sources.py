"""Where pages of each kind come from: the order in which a zone's lists are tried.

Source: mm/page_alloc.c (6.12): __rmqueue and its fallbacks.
"""

from __future__ import annotations

from collections.abc import Callable

from soc.memory.migratetype import MigrateType
from soc.memory.zone import Zone

Source = Callable[[Zone, int, int], int | None]
"""Takes a block of an order below a frame from a zone, or nothing."""


def unmovable(zone: Zone, order: int, limit: int) -> int | None:
    """Own pages, else out of a movable pageblock; never CMA."""
    frame = zone.own(order, MigrateType.UNMOVABLE, limit)
    return zone.steal(order, MigrateType.UNMOVABLE, limit) if frame is None else frame


def _movable(zone: Zone, order: int, limit: int) -> int | None:
    return zone.own(order, MigrateType.MOVABLE, limit)


def _cma(zone: Zone, order: int, limit: int) -> int | None:
    return zone.own(order, MigrateType.CMA, limit)


def _movable_or_idle_cma(zone: Zone, order: int, limit: int) -> int | None:
    """CMA first while more than half of the free pages are CMA."""
    frame = _cma(zone, order, limit) if zone.mostly_cma() else None
    return _movable(zone, order, limit) if frame is None else frame


def _stolen(zone: Zone, order: int, limit: int) -> int | None:
    """Out of an unmovable pageblock; what a claimed one has left over comes first."""
    frame = _movable(zone, order, limit)
    return zone.steal(order, MigrateType.MOVABLE, limit) if frame is None else frame


UNMOVABLE_PAGES: tuple[Source, ...] = (unmovable,)
MOVABLE_PAGES: tuple[Source, ...] = (_movable_or_idle_cma, _cma, _stolen)
MOVABLE_PAGES_OUTSIDE_CMA: tuple[Source, ...] = (_movable, _stolen)
