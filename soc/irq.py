"""Interrupt lines: a named level from one source to one sink."""

from __future__ import annotations

from collections.abc import Callable

Sink = Callable[[bool], None]


class IrqLine:
    """A level-sensitive wire. The sink hears of changes only."""

    def __init__(self, name: str, sink: Sink | None = None) -> None:
        self.name = name
        self.level = False
        self._sink = sink

    def connect(self, sink: Sink) -> None:
        """Lead the wire to `sink` and tell it the present level."""
        self._sink = sink
        sink(self.level)

    def set(self, level: bool) -> None:
        if level != self.level:
            self.level = level
            if self._sink:
                self._sink(level)

    def pulse(self) -> None:
        """A rising edge and back, for edge-triggered sources (e.g. SMMUv3)."""
        self.set(True)
        self.set(False)
