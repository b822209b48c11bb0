"""A buffer that is in use when another device comes, alone and among threads."""

from __future__ import annotations

from soc.dmabuf import (
    DmaBuf,
    DmaBufAttachment,
    dma_buf_attach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
)
from soc.dmabuf.fence import DmaFence, dma_fence_context_alloc
from soc.dmabuf.resv import DmaResvUsage, dma_resv_add_fence, dma_resv_reserve_fences
from soc.kernel.scatterlist import SgTable
from soc.kernel.sched.thread import Spawned
from tests.negotiated.bench import HIGH, SIZE, TO, NegotiatedBench


def used(bench: NegotiatedBench, label: str = "display") -> tuple[DmaBufAttachment, SgTable]:
    """A buffer full of marks, scattered above 4 GiB and mapped by `label`."""
    bench.wear()
    (attachment,) = bench.attach_all(bench.buffer(), label)
    sgt = dma_buf_map_attachment_unlocked(attachment, TO)
    bench.device_fills(label, sgt)
    assert sgt.nents == SIZE >> 12 and (sgt.dma_address >= HIGH).all()
    return attachment, sgt


def job(dmabuf: DmaBuf, usage: DmaResvUsage = DmaResvUsage.BOOKKEEP) -> DmaFence:
    """Work of a device that is still under way."""
    fence = DmaFence(dmabuf.kernel, "engine", "ring", dma_fence_context_alloc(dmabuf.kernel), 1)
    with dmabuf.resv.locked():
        dma_resv_reserve_fences(dmabuf.resv, 1)
        dma_resv_add_fence(dmabuf.resv, fence, usage)
    return fence


class Play:
    """Threads around one buffer that the display has mapped. `said` is what happened, in order."""

    def __init__(self, bench: NegotiatedBench) -> None:
        self.bench = bench
        self.said: list[str] = []
        self.display, self.sgt = used(bench)
        self.dmabuf = self.display.dmabuf
        self.other = bench.kernel.process("other")
        self.newcomer = bench.kernel.process("newcomer")
        (self.second,) = bench.attach_all(self.dmabuf, "display")

    def attach(self, label: str = "camera") -> None:
        self.late = dma_buf_attach(self.dmabuf, self.bench.device(label))
        self.said.append("attached")

    def map_again(self) -> None:
        sgt = dma_buf_map_attachment_unlocked(self.second, TO)
        self.said.append("mapped")
        assert self.bench.device_has("display", sgt)
        dma_buf_unmap_attachment_unlocked(self.second, sgt, TO)

    def unmap(self) -> None:
        dma_buf_unmap_attachment_unlocked(self.display, self.sgt, TO)
        self.said.append("unmapped")

    def start(self) -> tuple[Spawned, Spawned]:
        """Both sleep: the attach for the mapping, the map for the attach."""
        sched = self.bench.kernel.sched
        attaching = sched.spawn(self.newcomer, self.attach)
        sched.run_ready()
        mapping = sched.spawn(self.other, self.map_again)
        sched.run_ready()
        assert (self.said, attaching.done, mapping.done) == ([], False, False)
        return attaching, mapping
