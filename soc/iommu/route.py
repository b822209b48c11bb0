"""The way of a DMA address up through the buses above a device: `dma-ranges`.

Each bus that has one moves its windows to the addresses of the bus above; an
empty or absent property passes addresses on unchanged. An address in no window
of a bus leads nowhere. Source: Devicetree Specification v0.4, 2.3.9.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soc.address import PAGE_MASK, Iova, PhysAddr
from soc.devicetree.cells import Range
from soc.devicetree.tree import Node
from soc.memory.span import PageSpan


@dataclass(frozen=True)
class DmaRoute:
    """The windows of each bus that has some, from the device's bus up."""

    buses: tuple[tuple[Range, ...], ...]

    @classmethod
    def of(cls, node: Node) -> DmaRoute:
        """The route of a device's node."""
        buses = []
        bus = node.parent
        while bus is not None:
            if rows := bus.ranges("dma-ranges"):
                buses.append(rows)
            bus = bus.parent
        return cls(tuple(buses))

    def span(self, address: Iova, size: int) -> PageSpan | None:
        """Where [address, address + size) lies; None if a part of it leads nowhere.

        Windows that meet inside a page they do not share count as nowhere, too.
        """
        if not self.buses:
            return PageSpan.linear(PhysAddr(address), size)
        pieces = []
        at, left = int(address), max(size, 1)
        while left:
            found = self._piece(at, left)
            if found is None:
                return None
            pieces.append(PageSpan.linear(PhysAddr(found[0]), found[1]))
            at, left = at + found[1], left - found[1]
        if len(pieces) == 1:
            return PageSpan(pieces[0].frames, pieces[0].offset, size, pieces[0].contiguous)
        if any(piece.offset for piece in pieces[1:]) or any(
            (p.offset + p.size) & PAGE_MASK for p in pieces[:-1]
        ):
            return None
        return PageSpan.of(np.concatenate([piece.frames for piece in pieces]), pieces[0].offset, size)

    def _piece(self, at: int, size: int) -> tuple[int, int] | None:
        """Where `at` leads, and how many of `size` bytes go on from there side by side."""
        for rows in self.buses:
            row = next((row for row in rows if row.child <= at < row.child + row.size), None)
            if row is None:
                return None
            size = min(size, row.child + row.size - at)
            at += row.parent - row.child
        return at, size
