"""The MFIFO: what channels have loaded and not yet stored, and the watchdog over it.

All channels share its space. A channel that needs space held by others waits;
when none of those that hold any can go on, the channels have locked up, which
the watchdog finds after 1024 cycles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from soc.clock import Clock, Event


class Mfifo:
    """One queue of bytes for each channel, `capacity` bytes for all together."""

    def __init__(self, capacity: int, channels: int, released: Callable[[], None]) -> None:
        self.capacity = capacity
        self.releases = 0
        self._queues = [bytearray() for _ in range(channels)]
        self._released = released

    @property
    def free(self) -> int:
        return self.capacity - sum(map(len, self._queues))

    def held(self, channel: int) -> int:
        """Bytes of one channel."""
        return len(self._queues[channel])

    def push(self, channel: int, data: bytes) -> None:
        """The caller has asked for `free` space."""
        self._queues[channel] += data

    def head(self, channel: int, size: int) -> bytes:
        """The oldest `size` bytes, which stay."""
        return bytes(self._queues[channel][:size])

    def pop(self, channel: int, size: int) -> None:
        """The oldest `size` bytes are stored."""
        if size:
            del self._queues[channel][:size]
            self.releases += 1
            self._released()

    def replace(self, channel: int, data: bytes) -> None:
        """What the channel holds after a run of loads and stores: as much as before."""
        self._queues[channel][:] = data

    def flush(self, channel: int) -> None:
        """The thread is over."""
        self.pop(channel, self.held(channel))


class Starving(Protocol):
    """A channel as the watchdog sees it."""

    @property
    def blocked(self) -> bool:
        """It waits for space."""
        ...

    @property
    def may_store(self) -> bool:
        """It holds data and may yet store it."""
        ...

    def lock_up(self) -> None: ...


class Watchdog:
    """Aborts channels that have locked up; with `only_interrupt()` it just raises `barking`."""

    def __init__(
        self,
        clock: Clock,
        mfifo: Mfifo,
        timeout: int,
        only_interrupt: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self.channels: Sequence[Starving] = ()
        self._clock = clock
        self._mfifo = mfifo
        self._timeout = timeout
        self._only_interrupt = only_interrupt
        self._changed = changed
        self._timer: Event | None = None
        self._found = False

    @property
    def barking(self) -> bool:
        """A lock-up was found, nobody was aborted for it, and it lasts."""
        return self._found and any(channel.blocked for channel in self.channels)

    def watch(self) -> None:
        """A channel begins to wait."""
        if self._timer is None:
            self._found = False
            self._arm()

    def _arm(self) -> None:
        releases = self._mfifo.releases
        self._timer = self._clock.after(self._timeout, lambda: self._look(releases))

    def _look(self, releases: int) -> None:
        self._timer = None
        blocked = [channel for channel in self.channels if channel.blocked]
        if not blocked:
            return
        if self._mfifo.releases != releases or any(channel.may_store for channel in self.channels):
            self._arm()
        elif self._only_interrupt():
            self._found = True
            self._changed()
        else:
            for channel in blocked:
                channel.lock_up()
