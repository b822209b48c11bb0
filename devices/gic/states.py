"""The states of a GIC's interrupts and the choice of the next.

Each state is one integer used as a bitmap over interrupt IDs, so that the
candidates are a few ANDs and only those few are looked at one by one.
Source: Arm IHI 0048B, section 3.2 (GICv2), Arm IHI 0069, section 4.1 (GICv3).

Not modelled: states of one SGI from several CPUs, LPIs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

SGIS = 0xFFFF
PPIS = 0xFFFF_0000
PRIVATE = SGIS | PPIS
"""IDs that each CPU has for itself; all others are SPIs."""


def bits(bitmap: int) -> Iterator[int]:
    """Numbers of the bits that are set, lowest first."""
    while bitmap:
        low = bitmap & -bitmap
        yield low.bit_length() - 1
        bitmap ^= low


class InterruptStates:
    """`count` interrupts, all inactive. `on_change` is called after anything that may change the choice.

    `latched` is the pending state that edges and software leave; what is asserted
    now and level-sensitive is pending as well. `priority` is a byte for each, 0 the highest.
    """

    def __init__(self, count: int) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.count = count
        self.enabled = 0
        self.active = 0
        self.latched = 0
        self.lines = 0
        self.edge = SGIS
        self.group1 = 0
        self.priority = [0] * count

    @property
    def spis(self) -> int:
        """Every SPI, as a bitmap."""
        return (1 << self.count) - 1 & ~PRIVATE

    @property
    def pending(self) -> int:
        """Latched interrupts and the asserted inputs of level-sensitive ones."""
        return self.latched | (self.lines & ~self.edge)

    def best(self, among: int) -> int | None:
        """The pending interrupt of highest priority in the bitmap `among`, of equals the lowest; or None."""
        candidates = (self.latched | (self.lines & ~self.edge)) & self.enabled & ~self.active & among
        if not candidates & candidates - 1:
            return candidates.bit_length() - 1 if candidates else None
        return min(bits(candidates), key=self.priority.__getitem__)

    def acknowledge(self, interrupt: int) -> None:
        self.latched &= ~(1 << interrupt)
        self.active |= 1 << interrupt

    def deactivate(self, interrupt: int) -> None:
        self.active &= ~(1 << interrupt)

    def drive(self, interrupt: int, level: bool) -> None:
        """The input of `interrupt` changed to `level`."""
        bit = 1 << interrupt
        if level:
            self.lines |= bit
            self.latched |= bit & self.edge
        else:
            self.lines &= ~bit
        self.on_change()
