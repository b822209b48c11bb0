"""What every part of the kernel leans on: log, files, scheduler, processes and fault injection.

It needs no machine, only a clock, so that a layer can be exercised on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from soc.clock import Clock
from soc.kernel.counters import Counters
from soc.kernel.faults import Faults
from soc.kernel.fs.devfs import DevFs
from soc.kernel.fs.fd_audit import FdAudit
from soc.kernel.fs.fdtable import RLIMIT_NOFILE
from soc.kernel.fs.file import FileTable
from soc.kernel.fs.pseudofs import Views
from soc.kernel.generation import DEFAULT_GENERATION, Generation
from soc.kernel.log import KernelLog
from soc.kernel.process import Process
from soc.kernel.sched.scheduler import Scheduler

if TYPE_CHECKING:
    from soc.bus import Master
    from soc.memory.cache.cache import CpuCache

FIRST_PID = 100

T = TypeVar("T")


class KernelCore:
    """`log` is dmesg, `views` the files of debugfs, procfs and sysfs (`views.list()`, `views.read(path)`),
    `devfs` the device nodes, `files` all open files, `sched` who runs and who waits, `faults` what is
    made to fail, `counters` what must be back where it was after that, `fd_audit` what programs
    lose, `processes` the live ones by pid. `cpu` is the kernel's way to registers and
    memory, `cache` the CPU's where the machine needs one. `generation` says which Linux this is.
    """

    cpu: Master
    cache: CpuCache | None = None

    def __init__(self, clock: Clock, generation: Generation = DEFAULT_GENERATION) -> None:
        self.clock = clock
        self.generation = generation
        self.log = KernelLog(clock)
        self.views = Views()
        self.devfs = DevFs()
        self.faults = Faults()
        self.counters = Counters()
        self.fd_audit = FdAudit()
        self.files = FileTable(self.log)
        self.sched = Scheduler(clock, self.log, self.serve)
        self.processes: dict[int, Process] = {}
        self._subsystems: dict[type, object] = {}
        self._last_pid = FIRST_PID - 1
        self.counters.add("open files", self.files.by_kind)
        self.counters.add("fds", lambda: sum(len(p.files.open_fds()) for p in self.processes.values()))
        self.counters.add("user mappings", lambda: sum(len(p.mm.vmas) for p in self.processes.values()))
        self.counters.add("processes", lambda: len(self.processes))

    def serve(self) -> None:
        """Take the interrupts that are pending while everybody waits."""

    def page_owner(self, frame: int) -> str:
        """Whose page `frame` is, for people; without pages of its own a kernel does not know."""
        return "nobody known"

    def process(self, comm: str, limit: int = RLIMIT_NOFILE) -> Process:
        """A new process without open files; `limit` is its RLIMIT_NOFILE."""
        self._last_pid += 1
        process = Process(self, self._last_pid, comm, limit)
        self.processes[process.pid] = process
        return process

    def subsystem(self, kind: Callable[..., T]) -> T:
        """The one instance of `kind`, a class made from a kernel, that belongs to this kernel."""
        key = cast(type, kind)
        if key not in self._subsystems:
            self._subsystems[key] = kind(self)
        return cast(T, self._subsystems[key])
