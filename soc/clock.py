"""Virtual time: an agenda of events in nanoseconds.

Nothing in the machine reads the host's clock, unless a core runs on host time. Events at the same instant run
in the order they were scheduled, so two runs of one input are the same run.
While a CPU executes a slice it lends the clock its progress (`progress`), so
that `now` inside an MMIO access is exact, and learns of events that were put
before the end of its slice (`on_earlier`).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

Action = Callable[[], None]

SECOND = 1_000_000_000


@dataclass(order=True)
class Event:
    """One entry of the agenda. `cancel()` makes it never run."""

    when: int
    order: int
    action: Action | None = field(compare=False)

    def cancel(self) -> None:
        self.action = None

    @property
    def pending(self) -> bool:
        return self.action is not None


class Clock:
    """The machine's one clock, in nanoseconds since power-on."""

    def __init__(self) -> None:
        self._base = 0
        self._agenda: list[Event] = []
        self._count = 0
        self.progress: Callable[[], int] | None = None
        self.on_earlier: Callable[[int], None] | None = None

    @property
    def now(self) -> int:
        """Nanoseconds since power-on."""
        return self._base + self.progress() if self.progress else self._base

    def at(self, when: int, action: Action) -> Event:
        """Run `action` at `when` ns; a past time means as soon as possible."""
        self._count += 1
        event = Event(max(when, self.now), self._count, action)
        heapq.heappush(self._agenda, event)
        if self.on_earlier:
            self.on_earlier(event.when)
        return event

    def after(self, delay: int, action: Action) -> Event:
        """Run `action` `delay` ns from now."""
        return self.at(self.now + delay, action)

    def next_event(self) -> int | None:
        """The time of the earliest pending event, or None."""
        while self._agenda and not self._agenda[0].pending:
            heapq.heappop(self._agenda)
        return self._agenda[0].when if self._agenda else None

    def advance(self, when: int) -> None:
        """Move time to `when` without running events (a CPU executed that long)."""
        self._base = max(self._base, when)

    def run_due(self) -> bool:
        """Run the events of this instant; True if any ran."""
        ran = False
        while (due := self.next_event()) is not None and due <= self.now:
            event = heapq.heappop(self._agenda)
            action, event.action = event.action, None
            if action is not None:
                action()
                ran = True
        return ran
