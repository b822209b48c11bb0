"""A kernel on a board of DMA devices without hardware, and DMA engines of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np

from soc.address import Iova, PhysAddr
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.iommu.port import DmaPort
from soc.kernel.device import Device, Driver
from soc.kernel.dma.swiotlb.slots import SLOT_SIZE
from soc.kernel.kernel import Kernel
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.cache.cache import CpuCache
from soc.memory.cache.views import CachedView, DramView
from soc.memory.span import Bytes, PageSpan

PAGE = 4096
BASE = 0x8000_0000
TO, FROM, BOTH, NONE = (
    DmaDirection.TO_DEVICE,
    DmaDirection.FROM_DEVICE,
    DmaDirection.BIDIRECTIONAL,
    DmaDirection.NONE,
)
ENGINE = "  engine@1000000: &engine {{compatible: [test,engine], reg: [[0x1000000, 0x1000]]{more}}}\n"


class EngineDriver(Driver):
    """Binds to the nodes of these boards; `on_probe` is called in its probe."""

    name: ClassVar[str] = "engine"
    of_match: ClassVar[tuple[str, ...]] = ("test,engine",)
    on_probe: ClassVar[Callable[[Device], None] | None] = None

    def probe(self) -> None:
        if type(self).on_probe is not None:
            type(self).on_probe(self.device)


class DmaBoard:
    """64 MiB at 0x80000000 (or `memory`), one engine (or `soc`), with `reserved` regions and `bootargs`.

    Without the checks of the DMA API: these tests do what drivers must not.
    """

    def __init__(
        self,
        tmp_path: Path,
        soc: str = "",
        *,
        more: str = "",
        memory: str = "[[0x80000000, 64M]]",
        reserved: str = "",
        bootargs: str = "",
        bus: str = "",
        driver: type[Driver] = EngineDriver,
    ) -> None:
        text = "model: dma test\n'#address-cells': 2\n'#size-cells': 2\n"
        unit = memory.removeprefix("[[0x").partition(",")[0]
        text += f"memory@{unit}: {{device_type: memory, reg: {memory}}}\n"
        text += f"chosen: {{bootargs: 'dma_debug=off {bootargs}'}}\n"
        if reserved:
            text += "reserved-memory:\n  '#address-cells': 2\n  '#size-cells': 2\n  ranges: true\n" + reserved
        text += "soc:\n  compatible: simple-bus\n  '#address-cells': 2\n  '#size-cells': 2\n  ranges: true\n"
        text += bus + (soc or ENGINE.format(more=more))
        path = tmp_path / "board.yaml"
        path.write_text(text, encoding="utf-8")
        self.machine = Machine(load_board(path), {})
        self.kernel = Kernel(self.machine, [driver])
        self.kernel.boot()

    def device(self, label: str = "engine") -> Device:
        node = self.machine.tree.find(label)
        assert node is not None
        return self.kernel.device(node)

    def log(self) -> list[str]:
        """Warnings and errors of the kernel."""
        return [entry.text for entry in self.kernel.log.entries if entry.level != "info"]

    def fill(self, phys: int, data: bytes) -> None:
        """The CPU writes."""
        self.kernel.cpu.write_span(
            PageSpan.linear(PhysAddr(phys), len(data)), np.frombuffer(data, dtype=np.uint8)
        )

    def seen(self, phys: int, size: int) -> bytes:
        """What the CPU reads."""
        return self.kernel.cpu.read_span(PageSpan.linear(PhysAddr(phys), size)).tobytes()

    def port(self) -> DmaPort:
        """An engine on the bus that issues addresses as they are."""
        return DmaPort(self.machine.bus.master("engine"))

    def engine_writes(self, address: int, data: bytes) -> None:
        self.port().write(Iova(address), np.frombuffer(data, dtype=np.uint8))

    def engine_reads(self, address: int, size: int) -> bytes:
        return self.port().read(Iova(address), size)[1].tobytes()

    def pages(self, count: int) -> int:
        """The physical address of new pages."""
        return self.kernel.memory.alloc_pages(count)

    def table(self, *runs: int) -> SgTable:
        """A table of runs of so many pages, apart from each other."""
        segments = []
        for pages in runs:
            segments.append((self.pages(pages), pages * PAGE))
            self.pages(1)
        return SgTable.of(segments)

    def with_cache(self) -> CpuCache:
        """From now on the CPU has a cache and the engine does not see it."""
        cache = CpuCache(self.machine.dram, lambda: self.machine.clock.now)
        self.kernel.cache = cache
        self.kernel.cpu.memory = CachedView(cache, "cpu")
        self.machine.bus.master("engine").memory = DramView(cache, "engine")
        return cache

    def close(self) -> None:
        self.machine.close()


def slots(size: int) -> int:
    """How many slots a bounce of `size` bytes takes."""
    return -(-size // SLOT_SIZE)


def pattern(size: int, seed: int = 1) -> bytes:
    """`size` bytes without a short period."""
    data: Bytes = np.random.default_rng(seed).integers(1, 256, size, dtype=np.uint8)
    return data.tobytes()
