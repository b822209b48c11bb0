"""The rehearsal board with a DMA-330 under the kernel model, for the tests of its driver."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import pytest

from devices.pl330.driver import Pl330Driver
from devices.pl330.hardware import Pl330
from soc.kernel.dma import (
    dma_map_sgtable,
    dma_sync_sgtable_for_cpu,
    dma_sync_sgtable_for_device,
    dma_unmap_sgtable,
)
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.span import PageSpan
from tests.kernel.rehearsal import Rehearsal

MILLISECOND = 1_000_000
TO, FROM = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE


BOARD_NODE = """\
  dma-controller@30bd0000: &dma
    compatible: ["arm,pl330", "arm,primecell"]
    reg: [[0x30bd0000, 0x1000]]
    interrupts: [[spi, 34, level-high], [spi, 35, level-high]]
    iommus: [[*smmu, 0x12]]

"""
"""The DMA-330 on the rehearsal board: irq_abort, then a line for every channel's interrupt."""


def with_pl330(board: str, node: str = BOARD_NODE) -> str:
    """The rehearsal board's text with a DMA-330, behind the SMMU like camera and display."""
    place = board.index("  # Distributor, then CPU interface.")
    return board if "arm,pl330" in board else board[:place] + node + board[place:]


def driver(board: Rehearsal) -> Pl330Driver:
    found = board.device("dma").driver
    assert isinstance(found, Pl330Driver)
    return found


def model(board: Rehearsal) -> Pl330:
    found = board.machine.model("dma")
    assert isinstance(found, Pl330)
    return found


def run(board: Rehearsal, duration: int = 20 * MILLISECOND) -> None:
    board.machine.run(board.machine.clock.now + duration, lambda: False)


@dataclass(frozen=True)
class Buffer:
    """Kernel memory mapped for the DMAC, `address` as the device sees it, in one piece."""

    board: Rehearsal
    sgt: SgTable
    direction: DmaDirection

    @property
    def address(self) -> int:
        assert self.sgt.nents == 1
        return int(self.sgt.dma_address[0])

    @property
    def size(self) -> int:
        return self.sgt.size

    @property
    def span(self) -> PageSpan:
        return PageSpan.of(self.sgt.frames(), 0, self.sgt.size)

    def fill(self, seed: int) -> np.ndarray:
        """The CPU writes noise and hands the buffer to the device; a copy of it."""
        data = np.random.default_rng(seed).integers(0, 256, self.size, dtype=np.uint8)
        self.board.kernel.cpu.write_span(self.span, data)
        dma_sync_sgtable_for_device(self.board.device("dma"), self.sgt, self.direction)
        return data

    def content(self) -> np.ndarray:
        """The CPU takes the buffer back and reads it."""
        dma_sync_sgtable_for_cpu(self.board.device("dma"), self.sgt, self.direction)
        return self.board.kernel.cpu.read_span(self.span).copy()

    def unmap(self) -> None:
        dma_unmap_sgtable(self.board.device("dma"), self.sgt, self.direction)


def mapped(board: Rehearsal, direction: DmaDirection, *runs: int) -> Buffer:
    """A buffer in runs of so many pages."""
    sgt = board.buffer(*runs)
    dma_map_sgtable(board.device("dma"), sgt, direction, what="a test's buffer")
    return Buffer(board, sgt, direction)


def refused(errno: str, why: str) -> AbstractContextManager[object]:
    return pytest.raises(KernelError, match=f"^-{errno}: {why}$")
