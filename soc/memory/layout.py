"""Which page frames a machine has, and to which zone each belongs.

Source: mm/memblock.c, arch/arm64/mm/init.c (zone_sizes_init).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from soc.address import PAGE_MASK, PAGE_SHIFT
from soc.memory.zone import Span

Range = tuple[int, int]
"""(base, size) in bytes of physical address space."""

DMA_ZONE_END = 1 << (32 - PAGE_SHIFT)


def free_runs(bank: Range, reserved: Iterable[Range]) -> Iterator[Span]:
    """Frames [first, end) of whole pages of `bank` that no reserved range touches."""
    first = (bank[0] + PAGE_MASK) >> PAGE_SHIFT
    end = (bank[0] + bank[1]) >> PAGE_SHIFT
    for base, size in sorted(r for r in reserved if r[1] > 0):
        start = base >> PAGE_SHIFT
        if first < min(start, end):
            yield first, min(start, end)
        first = max(first, (base + size + PAGE_MASK) >> PAGE_SHIFT)
    if first < end:
        yield first, end


def zone_spans(banks: Iterable[Range]) -> list[tuple[str, Span]]:
    """The zones of `banks` as (name, frames [first, end)), ascending; banks are never joined."""
    spans = []
    for base, size in sorted(banks):
        first, end = base >> PAGE_SHIFT, (base + size) >> PAGE_SHIFT
        border = min(max(first, DMA_ZONE_END), end)
        spans += [("DMA", (first, border)), ("Normal", (border, end))]
    return [(name, span) for name, span in spans if span[0] < span[1]]
