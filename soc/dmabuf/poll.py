"""poll on a dma-buf: readable without pending writers, writable without anybody.

For each direction that is not ready one callback stands on the first pending
fence, and holds the file until it fires, so that close() during a poll does not
free the buffer. BOOKKEEP fences never count.
Source: dma_buf_poll in drivers/dma-buf/dma-buf.c.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from soc.dmabuf.buffer import DmaBuf
from soc.dmabuf.fence import DmaFence, dma_fence_add_callback, dma_fence_get, dma_fence_put
from soc.dmabuf.resv import dma_resv_fences, dma_resv_usage_rw
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.fs.poll import EPOLLIN, EPOLLOUT, PollTable

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore


class DmaBufPolls:
    """The armed callbacks of one kernel: for each buffer the events that a fence is to bring."""

    def __init__(self, kernel: KernelCore) -> None:
        self._waiting: WeakKeyDictionary[DmaBuf, dict[int, DmaFence]] = WeakKeyDictionary()

    def armed(self, dmabuf: DmaBuf) -> bool:
        """Whether a fence holds the buffer's file for a poll."""
        return bool(self._waiting.get(dmabuf))

    def pending(self) -> list[tuple[DmaBuf, DmaFence]]:
        """Every armed callback: the buffer it holds, and the fence it stands on."""
        return [(dmabuf, fence) for dmabuf, events in self._waiting.items() for fence in events.values()]

    def poll(self, dmabuf: DmaBuf, table: PollTable | None) -> int:
        """EPOLLIN and EPOLLOUT as far as asked for and ready; what is not ready is armed."""
        wanted = (table.requested if table else EPOLLIN | EPOLLOUT) & (EPOLLIN | EPOLLOUT)
        ready = 0
        with dmabuf.resv.locked():
            for event in (EPOLLOUT, EPOLLIN):
                if wanted & event and not self._arm(dmabuf, event):
                    ready |= event
        if table is not None:
            for fence in self._waiting.get(dmabuf, {}).values():
                table.wait(fence, partial(_signalled, fence))
        return ready

    def _arm(self, dmabuf: DmaBuf, event: int) -> bool:
        """Whether `event` must be waited for."""
        waiting = self._waiting.setdefault(dmabuf, {})
        if event in waiting:
            return True
        holder = Holder("kernel", f"poll of {dmabuf}")
        for fence in dma_resv_fences(dmabuf.resv, dma_resv_usage_rw(event == EPOLLOUT)):
            dmabuf.file.get(holder)
            waiting[event] = dma_fence_get(fence)
            try:
                dma_fence_add_callback(fence, lambda signalled: self._fired(dmabuf, event, holder))
            except KernelError:
                self._fired(dmabuf, event, holder)
                continue
            return True
        return False

    def _fired(self, dmabuf: DmaBuf, event: int, holder: Holder) -> None:
        """The fence has signalled: it and the file are let go."""
        dma_fence_put(self._waiting[dmabuf].pop(event))
        dmabuf.file.put(holder)


def _signalled(fence: DmaFence) -> bool:
    return fence.signalled
