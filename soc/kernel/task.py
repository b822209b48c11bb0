"""A task: pid, command name, the files it has open and the memory it sees.

Not modelled: credentials, threads, priorities, signals other than that there is one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from soc.kernel.fs.fdtable import FD_IS_PUBLIC, RLIMIT_NOFILE, FdTable
from soc.kernel.mm.user import AddressSpace

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore


class Task:
    """One process of `kernel`. `comm` is its short name, `limit` its RLIMIT_NOFILE.

    `signal_pending` ends interruptible waits, a `killed` task's killable ones, too. One that
    is not `dumpable` (PR_SET_DUMPABLE) cannot be traced by another. `compat`: a 32-bit program.
    """

    def __init__(self, kernel: KernelCore, pid: int, comm: str, limit: int = RLIMIT_NOFILE) -> None:
        self.kernel = kernel
        self.pid = pid
        self.comm = comm
        published = partial(kernel.sched.preempt, FD_IS_PUBLIC)
        self.files = FdTable(kernel.log, str(self), limit, kernel.faults, published)
        self.mm = AddressSpace(kernel, str(self))
        self.exited = False
        self.signal_pending = False
        self.killed = False
        self.dumpable = True
        self.compat = False

    def send_signal(self, fatal: bool = False) -> None:
        """A signal arrives; a `fatal` one kills."""
        self.signal_pending = True
        self.killed = self.killed or fatal

    def clear_signals(self) -> None:
        """The task has handled what was pending."""
        self.signal_pending = False

    def exit(self) -> None:
        """End the task: its memory is unmapped, then all its fds are closed, lowest first (do_exit)."""
        self.exited = True
        self.mm.exit()
        self.files.close_all()

    def __str__(self) -> str:
        return f"{self.comm} (pid {self.pid})"
