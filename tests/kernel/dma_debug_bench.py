"""A kernel of nothing but memory, a log and a clock, with the checks of the DMA API on it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from soc.address import PhysAddr
from soc.clock import Clock
from soc.kernel.dma.debug import DmaDebug, add_views
from soc.kernel.fs.pseudofs import Views
from soc.kernel.log import KernelLog
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.dram import Bank, Dram
from soc.memory.pages import PageAllocator

TO, FROM, BOTH = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE, DmaDirection.BIDIRECTIONAL
PAGE = 4096
DRAM = 0x8000_0000
SIZE = 64 << 20
NO_MAP = 0x8100_0000
IOVA = 0xFFFF_0000
DEBUGFS = "/sys/kernel/debug/dma-api"

NOT_MINE = "device driver tries to free DMA memory it has not allocated"
OVERLAP = "cacheline tracking EEXIST, overlapping mappings aren't supported"


class Bench:
    """`debug` on 64 MiB at 0x80000000, of which 1 MiB at 0x81000000 is a no-map region.

    Every complaint is logged unless `all_errors` is changed.
    """

    def __init__(self, entries: int = 65536) -> None:
        self.dram = Dram([Bank(PhysAddr(DRAM), SIZE)])
        region = SimpleNamespace(base=NO_MAP, size=1 << 20, end=NO_MAP + (1 << 20), no_map=True)
        self.allocator = PageAllocator([(DRAM, SIZE)], [(region.base, region.size)])
        memory = SimpleNamespace(dram=self.dram, reserved=[region], pages=self.allocator)
        self.clock = Clock()
        self.log = KernelLog(self.clock)
        kernel: Any = SimpleNamespace(clock=self.clock, log=self.log, memory=memory)
        self.debug = DmaDebug(kernel, entries)
        self.views = Views()
        add_views(self.views, self.debug)
        self.views.write(f"{DEBUGFS}/all_errors", "1")
        self.camera = device("32e40000.camera", "camera")
        self.display = device("32e00000.lcdif", "lcdif")

    def close(self) -> None:
        for bank in self.dram.banks:
            bank.close()

    def pages(self, count: int = 1) -> int:
        """Physical address of contiguous allocated pages."""
        frame = self.allocator.alloc((count - 1).bit_length())
        assert frame is not None
        return frame * PAGE

    def all_pages(self) -> None:
        """Nothing is free any more."""
        assert self.allocator.alloc_pages(self.allocator.free_frames) is not None

    def scattered(self, count: int, iova: int | None = IOVA) -> SgTable:
        """`count` single pages, as one segment at `iova` or, with None, at their own addresses."""
        frames = self.allocator.alloc_pages(2 * count)
        assert frames is not None
        sgt = SgTable.of([(int(frame) * PAGE, PAGE) for frame in frames[::2]])
        if iova is None:
            sgt.dma_address, sgt.dma_length = sgt.starts.copy(), sgt.lengths.copy()
        else:
            sgt.dma_address, sgt.dma_length = np.array([iova]), np.array([count * PAGE])
        return sgt

    def contiguous(self, pages: int, dma_addr: int = IOVA) -> SgTable:
        """`pages` contiguous pages as one entry and one segment at `dma_addr`."""
        sgt = SgTable.of([(self.pages(pages), pages * PAGE)])
        sgt.dma_address, sgt.dma_length = np.array([dma_addr]), np.array([pages * PAGE])
        return sgt

    def mapped(self, size: int = 1536, direction: DmaDirection = FROM, dma_addr: int = IOVA) -> int:
        """A single mapping of the camera whose error was checked; its physical address."""
        phys = self.pages()
        self.debug.map_page(self.camera, phys, size, direction, dma_addr)
        self.debug.mapping_error(self.camera, dma_addr)
        return phys

    def view(self, name: str) -> str:
        return self.views.read(f"{DEBUGFS}/{name}")

    def said(self) -> list[str]:
        """The complaints so far, without `DMA-API: <driver> <device>: `."""
        return [text.split(": ", 2)[2] for text in self.log.warnings]


def device(name: str, driver: str | None) -> Any:
    return SimpleNamespace(
        name=name,
        driver=SimpleNamespace(name=driver) if driver else None,
        coherent_dma_mask=32,
        max_segment_size=1 << 32,
        segment_boundary=0xFFFF_FFFF,
    )
