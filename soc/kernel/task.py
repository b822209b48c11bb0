"""A task: pid, command name and the files it has open.

Not modelled here: memory, credentials, threads, signals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from soc.kernel.fs.fdtable import RLIMIT_NOFILE, FdTable
from soc.kernel.log import KernelLog


@dataclass(eq=False)
class Task:
    """One process of the modelled kernel. `comm` is its short name."""

    pid: int
    comm: str
    files: FdTable
    exited: bool = field(default=False, init=False)

    @classmethod
    def create(cls, log: KernelLog, pid: int, comm: str, limit: int = RLIMIT_NOFILE) -> Task:
        """A task with an empty fd table of its own; `limit` is its RLIMIT_NOFILE."""
        return cls(pid, comm, FdTable(log, f"{comm} (pid {pid})", limit))

    def exit(self) -> None:
        """End the task: all its fds are closed, lowest first."""
        self.exited = True
        self.files.close_all()

    def __str__(self) -> str:
        return f"{self.comm} (pid {self.pid})"
