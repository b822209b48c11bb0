"""A kernel with memory on both sides of 4 GiB, and engines with different needs.

camera   32 bits of addresses        display  64 bits
port     32 bits, one segment        scaler   64 bits, one segment
"""

from __future__ import annotations

from pathlib import Path

from heaps.negotiated.buffer import NegotiatedBuffer
from heaps.negotiated.dma_heap import NegotiatedHeap
from soc.dmabuf import (
    DmaBuf,
    DmaBufAttachment,
    DmaBufAttachOps,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_dynamic_attach,
    dma_buf_fd,
    dma_buf_map_attachment,
    dma_buf_put,
    dma_buf_unmap_attachment,
    get_dma_buf,
)
from soc.dmabuf.mapping import DmaBufConfig
from soc.kernel.dma import dma_set_mask
from soc.kernel.generation import DEFAULT_GENERATION, Generation
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.span import Frames
from tests.dma_heap.bench import PAGE, REGIONS, TEST, HeapBench

TO = DmaDirection.TO_DEVICE
HIGH = 1 << 32
SIZE = 6 * PAGE
ENGINES = """\
  scaler@1002000: &scaler {compatible: "test,engine", reg: [[0x1002000, 0x1000]]}
  port@1003000: &port {compatible: "test,engine", reg: [[0x1003000, 0x1000]]}
"""


class NegotiatedBench(HeapBench):
    """`heap` makes buffers that are dynamic exporters or not; `app` has an fd of each."""

    def __init__(
        self,
        folder: Path,
        generation: Generation = DEFAULT_GENERATION,
        *,
        dynamic: bool | None = None,
        move_notify: bool = True,
        cached: bool = False,
        regions: str = REGIONS,
    ) -> None:
        memory = "[[0x80000000, 32M], [0x100000000, 32M]]"
        super().__init__(
            folder,
            generation,
            modules=(),
            memory=memory,
            cached=cached,
            regions=regions,
            engines=ENGINES,
            bootargs="swiotlb=512",
        )
        for label in ("display", "scaler"):
            dma_set_mask(self.device(label), 64)
        for label in ("scaler", "port"):
            self.device(label).one_segment = True
        self.kernel.subsystem(DmaBufConfig).move_notify = move_notify
        self.heap = NegotiatedHeap(self.kernel, dynamic=dynamic)
        self.app = self.kernel.process("app")

    def buffer(self, size: int = SIZE) -> DmaBuf:
        """A new buffer, held by the test and by fd 0 of `app`."""
        dmabuf = self.heap.buffer(size)
        get_dma_buf(dmabuf, TEST)
        dma_buf_fd(self.app, dmabuf)
        return dmabuf

    def fill(self, dmabuf: DmaBuf, process: Process | None = None) -> None:
        """Bytes that say where they are, written by a program."""
        process = process or self.app
        address = process.mmap(0, dmabuf.size)
        for page in range(dmabuf.size // PAGE):
            process.store(address + page * PAGE, mark(page))
        process.munmap(address, dmabuf.size)

    def device_fills(self, label: str, sgt: SgTable) -> None:
        """The same, written by a device."""
        for page in range(sgt.size // PAGE):
            self.engine_writes(label, sgt, mark(page), page * PAGE)

    def wear(self) -> None:
        """From now on no two free pages outside of CMA are neighbours."""
        pages = self.kernel.memory.pages
        taken = pages.alloc_pages(pages.free_frames - pages.free_cma)
        assert taken is not None
        pages.free_pages(taken[taken % 2 == 1])

    def has(self, dmabuf: DmaBuf) -> bool:
        """Whether a program sees those bytes."""
        address = self.app.mmap(0, dmabuf.size)
        seen = [self.app.load(address + page * PAGE, 8) for page in range(dmabuf.size // PAGE)]
        self.app.munmap(address, dmabuf.size)
        return seen == [mark(page) for page in range(dmabuf.size // PAGE)]

    def device_has(self, label: str, sgt: SgTable) -> bool:
        """Whether a device does."""
        pages = range(sgt.size // PAGE)
        return all(self.engine_reads(label, sgt, 8, page * PAGE) == mark(page) for page in pages)

    def importer(self, dmabuf: DmaBuf, label: str, direction: DmaDirection = TO) -> Follower:
        return Follower(self, dmabuf, label, direction)

    def attach_all(self, dmabuf: DmaBuf, *labels: str) -> list[DmaBufAttachment]:
        return [dma_buf_attach(dmabuf, self.device(label)) for label in labels]

    def end(self, dmabuf: DmaBuf) -> None:
        """Detach what is attached, and let go."""
        for attachment in list(dmabuf.attachments):
            dma_buf_detach(dmabuf, attachment)
        self.app.exit()
        dma_buf_put(dmabuf, TEST)


class Follower:
    """A dynamic importer: told of a move it gives its mapping back, or keeps the stale one if `slow`."""

    def __init__(
        self, bench: NegotiatedBench, dmabuf: DmaBuf, label: str, direction: DmaDirection = TO
    ) -> None:
        self.dmabuf = dmabuf
        self.direction = direction
        self.told = 0
        self.slow = False
        self.sgt: SgTable | None = None
        ops = DmaBufAttachOps(self._move_notify)
        self.attachment = dma_buf_dynamic_attach(dmabuf, bench.device(label), ops)

    def map(self) -> SgTable:
        with self.dmabuf.resv.locked():
            if self.sgt is None:
                self.sgt = dma_buf_map_attachment(self.attachment, self.direction)
            return self.sgt

    def unmap(self, sgt: SgTable | None = None) -> None:
        with self.dmabuf.resv.locked():
            self._unmap(sgt)

    def _unmap(self, sgt: SgTable | None = None) -> None:
        stale = sgt or self.sgt
        if stale is not None:
            dma_buf_unmap_attachment(self.attachment, stale, self.direction)
        if stale is self.sgt:
            self.sgt = None

    def _move_notify(self, attachment: DmaBufAttachment) -> None:
        assert attachment.dmabuf.resv.held
        self.told += 1
        if not self.slow:
            self._unmap()


def mark(page: int) -> bytes:
    return b"page%04d" % page


def behind(dmabuf: DmaBuf) -> NegotiatedBuffer:
    assert isinstance(dmabuf.priv, NegotiatedBuffer)
    return dmabuf.priv


def frames(dmabuf: DmaBuf) -> Frames:
    """The frames that the buffer has now."""
    backing = behind(dmabuf).backing
    assert backing is not None
    return backing.memory.frames()
