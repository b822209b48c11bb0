"""Which brackets of CPU access are open, and whose: for who wants to know, as the core does not balance them.

To leave one open is no error of the call's, but a driver that is unloaded, or a program at the
end of its work, should have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from soc.dmabuf.buffer import DmaBuf
    from soc.kernel.core import KernelCore


class Brackets:
    """The open brackets of one kernel's dma-bufs."""

    def __init__(self, kernel: KernelCore) -> None:
        self._sched = kernel.sched
        self._open: WeakKeyDictionary[DmaBuf, list[str]] = WeakKeyDictionary()

    def begin(self, dmabuf: DmaBuf) -> None:
        """The running thread has begun."""
        self._open.setdefault(dmabuf, []).append(str(self._sched.thread))

    def end(self, dmabuf: DmaBuf) -> None:
        """The running thread is done: its own latest bracket is closed, else anybody's; one is not needed."""
        begun, who = self._open.get(dmabuf, []), str(self._sched.thread)
        if begun:
            begun.remove(who if who in begun else begun[-1])
        if not begun:
            self._open.pop(dmabuf, None)

    def open(self, dmabuf: DmaBuf) -> tuple[str, ...]:
        """Who has begun and not ended, oldest first; one name for each bracket."""
        return tuple(self._open.get(dmabuf, ()))
