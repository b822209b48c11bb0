"""File descriptors that a program loses: left open at its end, passed on by exec, more with every frame.

Linux closes what a program leaves and says nothing; who looks for a leak wants
to know. These are remarks, not warnings: a program may end so on purpose.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soc.kernel.fs.fdtable import FdTable

GROWTH = 30
"""Marks in a row after which a count that rose at each of them is a leak."""


@dataclass
class Growth:
    """How the fds of one process grew: `rises` marks in a row with more fds than at the one before."""

    last: int
    rises: int = 0
    told: bool = False


@dataclass
class FdAudit:
    """The remarks of one kernel."""

    remarks: list[str] = field(default_factory=list)
    _growth: dict[str, Growth] = field(default_factory=dict)

    def exits(self, table: FdTable) -> None:
        """A process ends: what it has not closed."""
        for fd in table.open_fds():
            self.remarks.append(f"{table.owner} ends with fd {fd} open: {table.file(fd)}")
        self._growth.pop(table.owner, None)

    def execs(self, table: FdTable) -> None:
        """A process runs another program: what that inherits for want of O_CLOEXEC."""
        for fd in table.open_fds():
            if fd not in table.cloexec:
                self.remarks.append(f"{table.owner} passes fd {fd} on by exec: {table.file(fd)}")

    def mark(self, table: FdTable) -> None:
        """A frame, a request, a round is over: GROWTH of them in a row with more fds each are a leak."""
        fds = table.open_fds()
        growth = self._growth.setdefault(table.owner, Growth(len(fds)))
        growth.rises = growth.rises + 1 if len(fds) > growth.last else 0
        growth.last = len(fds)
        if growth.rises >= GROWTH and not growth.told:
            growth.told = True
            kinds = Counter(f"{table.file(fd).ops.kind} '{table.file(fd).name}'" for fd in fds)
            most, times = kinds.most_common(1)[0]
            grew = f"has had more fds after each of the last {GROWTH} rounds"
            self.remarks.append(f"{table.owner} {grew}: {times} of its {len(fds)} are {most}")
