"""The 32 event-interrupt resources that all threads share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Waiter(Protocol):
    """A thread as the events see it."""

    def awaits(self, event: int) -> bool:
        """Whether it has stopped at DMAWFE for `event`."""
        ...

    def resume(self) -> None:
        """What it waited for has come: go on behind the instruction."""
        ...


class Events:
    """INTEN and INT_EVENT_RIS. `changed` is called after interrupts may have changed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.waiters: list[Waiter] = []
        self._changed = changed
        self._interrupts = 0
        self._raised = 0

    @property
    def enabled(self) -> int:
        """INTEN."""
        return self._interrupts

    @property
    def raw(self) -> int:
        """INT_EVENT_RIS."""
        return self._raised

    @property
    def masked(self) -> int:
        """INTMIS: the interrupts among what is raised."""
        return self._raised & self._interrupts

    def enable(self, interrupts: int) -> None:
        """Software writes INTEN."""
        self._interrupts = interrupts
        self._changed()

    def clear(self, interrupts: int) -> None:
        """Software writes INTCLR: events are not its business."""
        self._raised &= ~(interrupts & self._interrupts)
        self._changed()

    def send(self, event: int) -> None:
        """DMASEV: raise the interrupt, or wake every thread that waits; else the event is pending."""
        if not self._interrupts >> event & 1:
            waiting = [waiter for waiter in self.waiters if waiter.awaits(event)]
            for waiter in waiting:
                waiter.resume()
            if waiting:
                return
        self._raised |= 1 << event
        self._changed()

    def take(self, event: int) -> bool:
        """DMAWFE: True if the event was pending; it is not any more."""
        pending = bool(self._raised & ~self._interrupts & 1 << event)
        if pending:
            self._raised &= ~(1 << event)
        return pending
