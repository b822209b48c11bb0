"""get_shared_cnt, the call that the thread proposes and rejects: who sees that he is the last, frees.

The exporter's release frees nothing here; each importer asks before it lets go. A count that was
true when it was asked for says nothing about the moment after.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soc.address import PAGE_SHIFT
from soc.dmabuf import (
    DmaBuf,
    DmaBufAttachment,
    DmaBufOps,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_export,
    dma_buf_put,
    get_dma_buf,
)
from soc.flows.exynos.app import driver
from soc.flows.exynos.drivers import FRAME, ExynosDrmDriver, FimcDriver
from soc.flows.stage import Stage
from soc.kernel.dma import dma_map_sgtable, dma_unmap_sgtable
from soc.kernel.fs.file import Holder
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.kernel.device import Device


class CountedBuffer:
    """An exporter that leaves it to its importers to free the memory."""

    def __init__(self, stage: Stage) -> None:
        self._memory = stage.kernel.memory
        self._address = self._memory.alloc_pages(FRAME >> PAGE_SHIFT)
        self.sharers = 0
        ops = DmaBufOps(self._map, self._unmap, lambda dmabuf: None, self._attach, self._detach)
        self.dmabuf = dma_buf_export(stage.kernel, self, ops, FRAME, os.O_RDWR, "counted")

    def get_shared_cnt(self) -> int:
        """How many share it at this moment."""
        return self.sharers

    def free(self) -> None:
        """For the last."""
        self._memory.free_pages(self._address, FRAME >> PAGE_SHIFT)

    def _attach(self, dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
        self.sharers += 1

    def _detach(self, dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
        self.sharers -= 1

    def _map(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
        sgt = SgTable.of([(self._address, FRAME)])
        dma_map_sgtable(attachment.device, sgt, direction)
        return sgt

    def _unmap(self, attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
        dma_unmap_sgtable(attachment.device, sgt, direction)


@dataclass
class Sharer:
    """An importer that asks before it lets go."""

    stage: Stage
    buffer: CountedBuffer
    device: Device
    attachment: DmaBufAttachment | None = None
    seen: int = 0

    @property
    def holder(self) -> Holder:
        return Holder("importer", self.device.name)

    def share(self) -> None:
        """Get and attach."""

        def share() -> None:
            get_dma_buf(self.buffer.dmabuf, self.holder)
            self.attachment = dma_buf_attach(self.buffer.dmabuf, self.device)

        self.stage.steps.call(self.device.name, "get_dma_buf, dma_buf_attach", share)

    def ask(self) -> None:
        """Am I the last?"""
        self.seen = self.stage.steps.call(self.device.name, "get_shared_cnt", self.buffer.get_shared_cnt)

    def let_go(self) -> None:
        """Detach and put; free if it was the last."""
        dmabuf = self.buffer.dmabuf

        def let_go() -> str:
            dma_buf_detach(dmabuf, self.attachment)
            dma_buf_put(dmabuf, self.holder)
            if self.seen > 1:
                return "somebody else will free it"
            self.buffer.free()
            return "frees it"

        self.stage.steps.call(self.device.name, "dma_buf_detach, dma_buf_put", let_go)


def play(stage: Stage) -> None:
    """Two importers let go at once: both have seen two sharers, and nobody frees."""
    buffer = stage.steps.call(
        "exporter", "dma_buf_export", lambda: CountedBuffer(stage), lambda b: str(b.dmabuf)
    )
    display, camera = (
        Sharer(stage, buffer, driver(stage, kind).device) for kind in (ExynosDrmDriver, FimcDriver)
    )
    for sharer in (display, camera):
        sharer.share()
    dmabuf = buffer.dmabuf
    stage.steps.call("exporter", "dma_buf_put", lambda: dma_buf_put(dmabuf, dmabuf.exporter))
    for sharer in (display, camera):
        sharer.ask()
    for sharer in (display, camera):
        sharer.let_go()
