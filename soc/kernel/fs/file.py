"""struct file with a ledger: the count is the number of references somebody can be named for.

Every reference belongs to a `Holder`: a slot of an fd table, a kernel variable,
an importing driver, a mapping (VMA) or a message in flight. `f_count` is their
sum and is stored nowhere else, so an early put or a leak always has a name.
Source: fs/file_table.c, fs/anon_inodes.c.

The last put releases the file at once; the kernel does it when the task
returns to user space, which the same order of calls cannot observe here.
Not modelled: positions, locks, credentials, the limit on open files of the system.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

from soc.errors import SocError
from soc.kernel.log import KernelLog

if TYPE_CHECKING:
    from soc.kernel.fs.poll import PollTable
    from soc.kernel.mm.vma import Vma
    from soc.kernel.task import Task

HolderKind = Literal["fd", "kernel", "importer", "vma", "message"]
FLAGS_KEPT = os.O_ACCMODE | os.O_NONBLOCK
HISTORY_LENGTH = 10_000


@dataclass(frozen=True, order=True)
class Holder:
    """Who holds a reference: `fd` `5 of camera-app (pid 1)`, `importer` `32e00000.lcdif`."""

    kind: HolderKind
    who: str

    def __str__(self) -> str:
        return f"{self.kind} {self.who}"


@dataclass(frozen=True)
class LifeEvent:
    """Something happened to a file: `time` in ns, `count` is f_count afterwards."""

    time: int
    what: str
    who: str
    count: int


@dataclass(frozen=True)
class FileOperations:
    """What a kind of file does; each fails with KernelError. Without an operation:

    release  runs once, when the last reference is gone
    ioctl    (task, file, cmd, arg) -> result, `arg` as user space gave it; -ENOTTY
    mmap     (file, vma): fill the new mapping, or give it a fault handler; -ENODEV
    llseek   (file, offset, whence) -> position; -ESPIPE
    poll     (file, table) -> events, `table` None for a look without waiting; always ready
    fdinfo   lines of /proc/PID/fdinfo after the common ones; none
    link     what /proc/PID/fd/N points to; `anon_inode:KIND`
    size     st_size; 0
    truncate (file, size); -EINVAL
    """

    kind: str
    release: Callable[[File], None]
    ioctl: Callable[[Task, File, int, int], int] | None = None
    mmap: Callable[[File, Vma], None] | None = None
    llseek: Callable[[File, int, int], int] | None = None
    poll: Callable[[File, PollTable | None], int] | None = None
    fdinfo: Callable[[File], str] | None = None
    link: Callable[[File], str] | None = None
    size: Callable[[File], int] | None = None
    truncate: Callable[[File, int], None] | None = None


class UseAfterFree(SocError):
    """`call` touched `what` after its release; the log has the same as a warning."""

    def __init__(self, call: str, what: str) -> None:
        self.call = call
        self.what = what
        super().__init__(f"{call}: {what} used after its release")


class File:
    """One open file. Made by `FileTable.open`; `ino` is never given to another file.

    `flags` as of O_*, of which anon files keep few; `private` belongs to whoever made the file.
    """

    def __init__(
        self,
        table: FileTable,
        ino: int,
        ops: FileOperations,
        private: object,
        name: str,
        opener: Holder,
        flags: int,
    ) -> None:
        self.ino = ino
        self.ops = ops
        self.private = private
        self.name = name
        self.flags = flags & FLAGS_KEPT
        self.holders: Counter[Holder] = Counter()
        self.history: deque[LifeEvent] = deque(maxlen=HISTORY_LENGTH)
        self._table = table
        self._take(opener, "open")

    @property
    def f_count(self) -> int:
        return self.holders.total()

    @property
    def alive(self) -> bool:
        return bool(self.holders)

    def get(self, holder: Holder) -> None:
        """Take a reference for `holder`. WARN and UseAfterFree when the file is gone."""
        if not self.alive:
            self.trap("get_file")
        self._take(holder, "get")

    def put(self, holder: Holder) -> None:
        """Give a reference of `holder` back; the last one releases the file.

        One that `holder` does not have is a WARN and changes no count.
        """
        if not self._held(holder, "put"):
            return
        self._drop(holder)
        self.note("put", str(holder))
        if not self.alive:
            self._release()

    @contextmanager
    def kept(self, holder: Holder) -> Iterator[None]:
        """A reference for the length of a call, too short-lived for the history (fdget)."""
        self.holders[holder] += 1
        try:
            yield
        finally:
            self._drop(holder)
            if not self.alive:
                self._release()

    def transfer(self, giver: Holder, taker: Holder) -> None:
        """A reference changes hands without being counted again.

        One that `giver` does not have is a WARN, and `taker` gets nothing.
        """
        if self._held(giver, f"transfer to {taker}"):
            self._drop(giver)
            self._take(taker, f"from {giver}")

    def held_by(self) -> str:
        """All holders for people: `fd 3 of app (pid 2), kernel carveout (2 times)`."""
        names = [f"{who} ({n} times)" if n > 1 else str(who) for who, n in sorted(self.holders.items())]
        return ", ".join(names) or "nobody"

    def note(self, what: str, who: str) -> None:
        """Add an event to the file's history."""
        self.history.append(LifeEvent(self._table.log.clock.now, what, who, self.f_count))

    def trap(self, call: str) -> NoReturn:
        """`call` uses the file after its end: WARN, then UseAfterFree."""
        error = UseAfterFree(call, str(self))
        self._table.log.warn(str(error))
        raise error

    def _release(self) -> None:
        self.ops.release(self)
        self._table.forget(self)

    def _held(self, holder: Holder, what: str) -> bool:
        if holder in self.holders:
            return True
        self._table.log.warn(f"{self}: {what} by {holder}, which has no reference; held by {self.held_by()}")
        return False

    def _take(self, holder: Holder, what: str) -> None:
        self.holders[holder] += 1
        self.note(what, str(holder))

    def _drop(self, holder: Holder) -> None:
        self.holders[holder] -= 1
        if not self.holders[holder]:
            del self.holders[holder]

    def __str__(self) -> str:
        return f"{self.ops.kind} {self.ino} '{self.name}'"


class FileTable:
    """All live files of one kernel, by inode number."""

    def __init__(self, log: KernelLog) -> None:
        self.log = log
        self._live: dict[int, File] = {}
        self._last_ino = 0

    def open(
        self, ops: FileOperations, private: object, name: str, holder: Holder, flags: int = os.O_RDWR
    ) -> File:
        """A new file whose one reference is `holder`'s (anon_inode_getfile)."""
        self._last_ino += 1
        file = File(self, self._last_ino, ops, private, name, holder, flags)
        self._live[file.ino] = file
        return file

    def live(self) -> list[File]:
        """Every file that has not been released, oldest first."""
        return list(self._live.values())

    def by_kind(self) -> Counter[str]:
        """How many live files there are of each kind."""
        return Counter(file.ops.kind for file in self._live.values())

    def forget(self, file: File) -> None:
        """`file` has been released."""
        del self._live[file.ino]
