"""The kernel's memory on a board of its own, without a kernel around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from soc.bus import Bus
from soc.clock import Clock
from soc.devicetree.tree import load_board
from soc.kernel.fs.pseudofs import Views
from soc.kernel.log import KernelLog
from soc.kernel.mm.cma_views import add_cma_views
from soc.kernel.mm.memory import KernelMemory
from soc.kernel.mm.memory_views import add_memory_views
from soc.memory.dram import Bank, Dram
from soc.memory.movable import MovablePages
from soc.memory.span import Frames

MIB = 1 << 20
BASE = 0x8000_0000

BOARD = """\
model: small
compatible: small
'#address-cells': 2
'#size-cells': 2
memory@80000000:
  device_type: memory
  reg: [[0x80000000, 32M]]
  {memory}
reserved-memory:
  ranges: true
  linux,cma@81000000: &cma
    compatible: shared-dma-pool
    reg: [[0x81000000, 8M]]
    reusable: true
    linux,cma-default: true
  firmware@81800000:
    reg: [[0x81800000, 4M]]
    no-map: true
{more}
"""
"""4 pageblocks of ordinary memory, 2 of CMA, 1 reserved, 1 of ordinary memory."""


class SmallMemory:
    """`memory` of the board, booted; `close` gives the host's back."""

    def __init__(self, folder: Path, memory: str = "", more: str = "", board: str = BOARD) -> None:
        path = folder / "board.yaml"
        path.write_text(board.format(memory=memory, more=more), encoding="utf-8")
        self.tree = load_board(path)
        self.dram = Dram([Bank(bank.base, bank.size) for bank in self.tree.memory])
        self.cpu = Bus(self.dram).master("cpu")
        self.clock = Clock()
        self.kernel_log = KernelLog(self.clock)
        self.memory = KernelMemory(self.dram, self.tree, self.cpu, self.kernel_log)
        self.pages = self.memory.pages
        self.views = Views()
        add_memory_views(self.views, self.memory)
        for area in self.memory.cma.areas:
            add_cma_views(self.views, area)
        self.memory.boot()

    def log(self) -> list[tuple[str, str]]:
        """The kernel log as (level, text), from now on empty again."""
        entries = [(entry.level, entry.text) for entry in self.kernel_log.entries]
        self.kernel_log.entries.clear()
        return entries

    def movable(self, count: int, owner: str = "app") -> MovablePages:
        """Movable pages, the first word of each its own number."""
        handle = self.pages.alloc_movable(count, owner)
        assert handle is not None
        for number, frame in enumerate(handle.frames.tolist()):
            self.dram.words(frame << 12, 1)[0] = number
        return handle

    def numbers(self, handle: MovablePages) -> list[int]:
        """What the first words of the pages say now."""
        return [int(self.dram.words(frame << 12, 1)[0]) for frame in handle.frames.tolist()]

    def fill(self) -> Frames:
        """Take all unmovable memory there is, so that movable pages must go to CMA."""
        pages = self.pages
        frames = pages.alloc_pages(pages.free_frames - pages.free_cma)
        assert frames is not None
        return frames

    def close(self) -> None:
        for bank in self.dram.banks:
            bank.close()


def frames(first: int, count: int) -> Frames:
    return np.arange(first, first + count, dtype=np.int64)
