"""A device behind the SMMU moves bytes of DRAM, against numpy's copy of the same bytes.

Scattered means 4 KiB pages in random order, blocks means runs of 2 MiB in
random order. Warm is a transfer whose translations the IOTLB has, cold one
after everything was invalidated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.row import Row, fastest
from devices.catalogue import models
from devices.drivers import DRIVERS
from soc.address import PAGE_SIZE, Iova
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.iommu.port import DmaPort
from soc.kernel.device import Device
from soc.kernel.dma import dma_map_sgtable, dma_unmap_sgtable
from soc.kernel.kernel import Kernel
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.span import Bytes

SIZE = 8 << 20
BLOCK = 2 << 20
SEED = 20111226
ROUNDS = 60
"""Short works need more rounds until a quiet moment comes along."""

WARM, COLD, BLOCKS, MAP, CHECKED_MAP = 0.6, 0.3, 0.85, 1.0, 0.5


@dataclass(frozen=True)
class Bench:
    """The display's place behind the SMMU, with an engine of the bench's own in it."""

    machine: Machine
    kernel: Kernel
    device: Device
    port: DmaPort

    def buffer(self, size: int, run: int) -> SgTable:
        """`size` bytes in runs of `run` bytes, in random order."""
        frames = self.kernel.memory.pages.alloc_pages(size // PAGE_SIZE)
        if frames is None:
            raise MemoryError(f"the board has no {size} bytes left")
        starts = np.sort(frames)[:: run // PAGE_SIZE] * PAGE_SIZE
        order = np.random.default_rng(SEED).permutation(starts)
        return SgTable.of([(int(start), run) for start in order])

    def forget(self) -> None:
        """Nothing is left of any translation."""
        domain = self.device.iommu_domain
        assert domain is not None
        domain.ops.invalidate(domain, Iova(0), 1 << 32)


@contextmanager
def bench(board: Path) -> Iterator[Bench]:
    """The board booted, with coherent engines so that one view of memory is enough."""
    machine = Machine(load_board(board), models())
    kernel = Kernel(machine, DRIVERS)
    kernel.boot()
    node = machine.tree.find("lcdif")
    assert node is not None
    slot = machine.dma_port(node)
    device = kernel.device(node)
    device.max_segment_size = 1 << 32
    yield Bench(machine, kernel, device, DmaPort(machine.bus.master("engine"), slot.stream, slot.iommu))
    machine.close()


def rows(board: Path) -> list[Row]:
    """The rows with a bar."""
    with bench(board) as here:
        found = []
        for name, run, bar in (("scattered 4 KiB pages", PAGE_SIZE, WARM), ("2 MiB blocks", BLOCK, BLOCKS)):
            sgt = here.buffer(SIZE, run)
            dma_map_sgtable(here.device, sgt, DmaDirection.BIDIRECTIONAL, what="the bench")
            found += _transfers(here, sgt, name, bar, cold=run == PAGE_SIZE)
        found += _mapping(here)
        return found


def sizes(board: Path) -> Iterator[tuple[int, float, float, float]]:
    """(MiB, GB/s of copyto, warm, cold) of scattered writes, 1 to 512 MiB."""
    for power in range(10):
        with bench(board) as here:
            size = 1 << 20 + power
            sgt = here.buffer(size, PAGE_SIZE)
            dma_map_sgtable(here.device, sgt, DmaDirection.BIDIRECTIONAL, what="the bench")
            data, iova = _device_memory(size), Iova(int(sgt.dma_address[0]))
            write = _writer(here, iova, data)
            copy, warm = fastest(_copier(here, data), write)
            [cold] = fastest(_cold(here, write))
            yield size >> 20, *(size / 1e9 / seconds for seconds in (copy, warm, cold))


def _transfers(here: Bench, sgt: SgTable, name: str, bar: float, cold: bool) -> list[Row]:
    """Warm transfers are timed before cold ones, which would make them cold."""
    data, iova = _device_memory(sgt.size), Iova(int(sgt.dma_address[0]))
    write, read = _writer(here, iova, data), _reader(here, iova, data)
    works = [(f"8 MiB to {name}, warm IOTLB", write, bar), (f"8 MiB from {name}, warm IOTLB", read, bar)]
    if cold:
        works.append((f"8 MiB to {name}, cold IOTLB", _cold(here, write), COLD))
        works.append((f"8 MiB from {name}, cold IOTLB", _cold(here, read), COLD))
    found = []
    for title, work, at_least in works:
        limit, seconds = fastest(_copier(here, data), work, rounds=ROUNDS)
        found.append(_row(title, seconds, limit, at_least, sgt.size))
    return found


def _mapping(here: Bench) -> list[Row]:
    """dma_map_sgtable and dma_unmap_sgtable of 8 MiB in scattered pages, without and with checks."""
    sgt, data = here.buffer(SIZE, PAGE_SIZE), _device_memory(SIZE)

    def map_and_unmap() -> None:
        dma_map_sgtable(here.device, sgt, DmaDirection.BIDIRECTIONAL, what="the bench")
        dma_unmap_sgtable(here.device, sgt, DmaDirection.BIDIRECTIONAL)

    found = []
    checks = here.kernel.dma_debug
    for name, debug, bar in (
        ("map and unmap of an 8 MiB scattered sg_table, dma_debug=off", None, MAP),
        ("the same with the checks of DMA_API_DEBUG", checks, CHECKED_MAP),
    ):
        here.kernel.dma_debug = debug
        limit, seconds = fastest(_copier(here, data), map_and_unmap, rounds=ROUNDS)
        found.append(_row(name, seconds, limit, bar, SIZE))
    return found


def _device_memory(size: int) -> Bytes:
    return np.ones(size, dtype=np.uint8)


def _writer(here: Bench, iova: Iova, data: Bytes) -> Callable[[], object]:
    return lambda: here.port.write(iova, data)


def _reader(here: Bench, iova: Iova, data: Bytes) -> Callable[[], object]:
    """The port shows the pages where they lie; the device copies them out."""
    return lambda: np.copyto(data, here.port.read(iova, data.size)[1])


def _cold(here: Bench, work: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        here.forget()
        work()

    return run


def _copier(here: Bench, data: Bytes) -> Callable[[], object]:
    """Into the top of DRAM, where nobody has anything."""
    target = here.machine.dram.banks[0].bytes[-data.size :]
    return lambda: np.copyto(target, data)


def _row(name: str, ours: float, limit: float, bar: float, size: int) -> Row:
    return Row(
        name, size / 1e9 / ours, "GB/s", f"numpy.copyto, {size / 1e9 / limit:.1f} GB/s", limit / ours, bar
    )
