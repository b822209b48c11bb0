"""Peripheral request interfaces: how a peripheral asks for data to be moved.

A peripheral requests a single transfer or a burst, the DMAC acknowledges each
with DMALDP or DMASTP, and may ask for requests to be sent anew (DMAFLUSHP).
One request can be outstanding: a new one takes the place of the last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devices.pl330.isa import Condition


@dataclass(frozen=True)
class Request:
    """What a peripheral wants: a `burst` or a single transfer, the `last` of its data or not."""

    burst: bool
    last: bool = False


def _ignore(_: bool) -> None:
    """A peripheral that does not look at acknowledges."""


def _nothing() -> None:
    """Nobody who wants to know."""


class RequestInterface:
    """One of the interfaces. The peripheral calls `request` and sets the two callbacks.

    `acknowledge(burst)`: the transfer it asked for is done. `flush()`: send the
    request anew if there still is one. `arrived` is the DMAC's.
    """

    def __init__(self) -> None:
        self.acknowledge: Callable[[bool], None] = _ignore
        self.flush: Callable[[], None] = _nothing
        self.arrived: Callable[[], None] = _nothing
        self._pending: Request | None = None

    def request(self, burst: bool, last: bool = False) -> None:
        """Ask for a transfer."""
        self._pending = Request(burst, last)
        self.arrived()

    def take(self, wanted: Condition) -> Request | None:
        """DMAWFP: the request that lets the thread go on; None to wait.

        Single leaves a burst request for a later DMAWFP burst; burst discards a single one.
        """
        pending = self._pending
        if pending is None:
            return None
        if not (wanted is Condition.SINGLE and pending.burst):
            self._pending = None
        return None if wanted is Condition.BURST and not pending.burst else pending

    def discard(self) -> None:
        """DMAFLUSHP."""
        self._pending = None
        self.flush()
