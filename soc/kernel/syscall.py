"""What every system call begins and ends with.

Source: the entry of arch/arm64/kernel/syscall.c, fdget of fs/file.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINTR, ESRCH

from soc.kernel.errors import ERESTARTSYS, KernelError
from soc.kernel.fs.file import File, Holder
from soc.kernel.task import Task


class SystemCalls(Task):
    """A task that enters the kernel."""

    @contextmanager
    def _running(self) -> Iterator[None]:
        """What follows is a call of this task. -ESRCH when it has exited; one that is under way goes on."""
        if self.exited:
            raise KernelError(ESRCH, f"{self} has exited")
        with self.kernel.sched.running(self):
            yield

    @contextmanager
    def _using(self, fd: int, call: str) -> Iterator[File]:
        """The file of `fd`, kept for the length of a call; -ERESTARTSYS becomes what user space sees."""
        with self._running():
            file = self.files.file(fd)
            with file.kept(Holder("kernel", f"{call} of {self}")):
                try:
                    yield file
                except KernelError as error:
                    raise user_error(error) from error


def user_error(error: KernelError) -> KernelError:
    """The error as user space sees it: a call that a signal interrupted is -EINTR (no restart)."""
    return KernelError(EINTR, error.why) if error.errno == ERESTARTSYS else error
