"""Which library of a program makes a call.

To the kernel a process is one caller, and two of its libraries that share a DRM file cannot be
told apart: that is how one closes the other's handle. Here they can say who they are:

    with kernel.subsystem(Callers).library("libva"):
        app.ioctl(card, DRM_IOCTL_GEM_CLOSE, argument)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.task import Task


class Callers:
    """The libraries that are in a call, by the thread that they run in."""

    def __init__(self, kernel: KernelCore) -> None:
        self._kernel = kernel
        self._inside: dict[object, str] = {}

    @contextmanager
    def library(self, name: str) -> Iterator[None]:
        """What follows is done by the library `name`."""
        thread = self._kernel.sched.thread.host
        outer = self._inside.get(thread)
        self._inside[thread] = name
        try:
            yield
        finally:
            if outer is None:
                del self._inside[thread]
            else:
                self._inside[thread] = outer

    def caller(self, task: Task) -> str:
        """Who calls, for people: `libva in player (pid 100)`, or the program alone."""
        name = self._inside.get(self._kernel.sched.thread.host)
        return f"{name} in {task}" if name else str(task)
