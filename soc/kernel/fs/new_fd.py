"""A new fd for a program, in the one order that leaves nothing behind when a step fails.

1 reserve a number   2 make the file   3 tell the program   4 install
After 4 another thread may have closed it, so nothing follows.
Source: get_unused_fd_flags and fd_install of fs/file.c, as drivers use them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, Holder

if TYPE_CHECKING:
    from soc.kernel.task import Task


@dataclass
class NewFd:
    """The number `fd`, reserved; `file`, once it is made, is held by `holder`."""

    fd: int
    holder: Holder
    file: File | None = None


@contextmanager
def new_fd(task: Task, call: str, cloexec: bool = True) -> Iterator[NewFd]:
    """Reserve a number for the length of a block, which sets `file`; installed if the block ends well.

    -EMFILE; a KernelError in the block gives file and number back.
    """
    new = NewFd(task.files.get_unused_fd(cloexec), Holder("kernel", f"{call} of {task}"))
    try:
        yield new
    except KernelError:
        if new.file is not None:
            new.file.put(new.holder)
        task.files.put_unused_fd(new.fd)
        raise
    assert new.file is not None  # the block has made it
    task.files.fd_install(new.fd, new.file, new.holder)
