"""Fault injection: any one allocation, fd, copy or mapping can be made to fail.

A test counts the places a piece of work passes, then repeats the work once for
each of them with that one failing, and expects every counter back where it was.
Source: Documentation/fault-injection/fault-injection.rst (fail-nth).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from errno import EFAULT, EMFILE, ENOMEM

from soc.kernel.errors import KernelError


class FaultSite(Enum):
    """A kind of place that can fail, and how it fails there."""

    SLAB = "kmalloc", ENOMEM
    PAGE_ALLOC = "page allocation", ENOMEM
    FD = "file descriptor", EMFILE
    USERCOPY = "user copy", EFAULT
    DMA_MAP = "DMA mapping", ENOMEM

    @property
    def title(self) -> str:
        return self.value[0]

    @property
    def errno(self) -> int:
        return self.value[1]


class Faults:
    """The switch of one kernel. `count` is how many places were passed since it was armed.

    `observers` are told of every place, whether it fails or not.
    """

    def __init__(self) -> None:
        self.observers: list[Callable[[FaultSite, str], None]] = []
        self.count = 0
        self.failed: str | None = None
        self._nth = 0
        self._only: FaultSite | None = None

    def fail_nth(self, nth: int, only: FaultSite | None = None) -> None:
        """Let the `nth` place from now on fail, from 1 and once; 0 for none. `only` counts one kind."""
        self.count = 0
        self.failed = None
        self._nth = nth
        self._only = only

    def check(self, site: FaultSite, what: str) -> None:
        """A place is passed. KernelError, with the errno of `site`, if it is the chosen one."""
        for observer in self.observers:
            observer(site, what)
        if self._only not in (None, site):
            return
        self.count += 1
        if self.count == self._nth:
            self.failed = f"{site.title} of {what}"
            raise KernelError(site.errno, f"injected failure: {self.failed}")

    def kmalloc(self, what: str) -> None:
        """A structure is allocated. -ENOMEM if that is the chosen place."""
        self.check(FaultSite.SLAB, what)
