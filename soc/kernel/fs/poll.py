"""poll: what a file is ready for, and how to wait until it is.

A file's poll operation says its events now and, given a table, what somebody
who waits is waiting for. Source: fs/select.c, include/linux/poll.h.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soc.kernel.sched.waitable import Blocker, Waitable

EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLNVAL = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
ALWAYS_READY = EPOLLIN | EPOLLOUT
UNASKED = EPOLLERR | EPOLLHUP | EPOLLNVAL
"""Reported whether the caller asked for them or not."""


@dataclass(eq=False)
class PollTable:
    """One look at one file: `requested` events, and in `waits` what would make another look worth it."""

    requested: int
    waits: list[tuple[Waitable, Callable[[], bool]]] = field(default_factory=list)

    def wait(self, on: Waitable, happened: Callable[[], bool]) -> None:
        """The caller will look again once `on` has `happened`, which must be a plain question."""
        self.waits.append((on, happened))


@dataclass(frozen=True, eq=False)
class PollWait:
    """What a blocked poll waits for: any of the files it was given."""

    what: str
    tables: Sequence[PollTable]

    def happened(self) -> bool:
        """Whether there is reason to look again."""
        return any(happened() for table in self.tables for _, happened in table.waits)

    def blockers(self) -> Sequence[Blocker]:
        return [wait for table in self.tables for wait, _ in table.waits]

    def __str__(self) -> str:
        return self.what
