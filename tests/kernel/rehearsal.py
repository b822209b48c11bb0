"""A kernel on the rehearsal board, or on a variant of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from devices.catalogue import models
from devices.drivers import DRIVERS
from devices.smmuv3.driver import Smmuv3Driver
from devices.smmuv3.hardware import Smmuv3
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.iommu.port import DmaPort
from soc.kernel.device import Device, Driver
from soc.kernel.kernel import Kernel
from soc.kernel.scatterlist import SgTable

BOARD = Path(__file__).parents[2] / "configs/boards/rehearsal.yaml"
PAGE = 4096
DISPLAY, CAMERA = 0x10, 0x11


class Rehearsal:
    """A booted kernel; `close` gives the memory back."""

    def __init__(
        self,
        tmp_path: Path | None = None,
        change: Callable[[str], str] = str,
        drivers: Iterable[type[Driver]] = DRIVERS,
    ) -> None:
        board = BOARD
        if tmp_path is not None:
            board = tmp_path / "board.yaml"
            board.write_text(change(BOARD.read_text(encoding="utf-8")), encoding="utf-8")
        self.machine = Machine(load_board(board), models())
        self.kernel = Kernel(self.machine, drivers)
        self.kernel.boot()

    def device(self, label: str) -> Device:
        node = self.machine.tree.find(label)
        assert node is not None
        return self.kernel.device(node)

    @property
    def smmu(self) -> Smmuv3:
        smmu = self.machine.model("smmu")
        assert isinstance(smmu, Smmuv3)
        return smmu

    @property
    def smmu_driver(self) -> Smmuv3Driver:
        driver = self.device("smmu").driver
        assert isinstance(driver, Smmuv3Driver)
        return driver

    def port(self, stream: int) -> DmaPort:
        """A DMA engine of the test's own, on a stream of the board."""
        return DmaPort(self.machine.bus.master(f"engine {stream:#x}"), stream, self.smmu)

    def interrupts(self) -> None:
        """Let the kernel serve what is pending."""
        self.kernel.run(self.machine.clock.now)

    def log(self) -> list[str]:
        """The kernel log without time stamps."""
        return [line[15:] for line in self.kernel.log.lines()]

    def buffer(self, *runs: int) -> SgTable:
        """A buffer of kernel memory: runs of so many pages, apart from each other."""
        segments = []
        for pages in runs:
            segments.append((self.kernel.memory.alloc_pages(pages), pages * PAGE))
            self.kernel.memory.alloc_pages(1)
        return SgTable.of(segments)

    def close(self) -> None:
        self.machine.close()


def pattern(size: int) -> np.ndarray:
    """`size` bytes that differ from page to page."""
    return (np.arange(size) // 7 + np.arange(size) // PAGE).astype(np.uint8)
