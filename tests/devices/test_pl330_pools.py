"""A DMA-330 without an IOMMU, whose node names memory of its own: restricted-dma-pool, shared-dma-pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from soc.kernel.dma import dma_alloc_coherent, of_reserved_mem_device_init
from soc.kernel.dmaengine import DmaResult
from tests.devices.pl330_kernel import FROM, TO, driver, mapped, with_pl330
from tests.devices.test_pl330_stalls import IOMMU, copy
from tests.kernel.rehearsal import PAGE, Rehearsal, pattern

CMA = "  linux,cma@a0000000: &cma_pool\n"
START, END = 0xA800_0000, 0xA840_0000
RESTRICTED = f"""\
  restricted@a8000000: &pool
    compatible: restricted-dma-pool
    reg: [[{START:#x}, 4M]]
"""
COHERENT = f"""\
  coherent@a8000000: &pool
    compatible: shared-dma-pool
    no-map: true
    reg: [[{START:#x}, 4M]]
"""

Make = Callable[[str], Rehearsal]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """The rehearsal board with a piece of reserved memory that is the DMAC's; no IOMMU before it."""
    boards: list[Rehearsal] = []

    def build(pool: str) -> Rehearsal:
        def change(text: str) -> str:
            text = with_pl330(text)
            assert (text.count(IOMMU), text.count(CMA)) == (1, 1)
            return text.replace(IOMMU, "    memory-region: [*pool]\n").replace(CMA, pool + CMA)

        boards.append(Rehearsal(tmp_path, change))
        return boards[-1]

    yield build
    for board in boards:
        board.close()


def inside(address: int) -> bool:
    return START <= address < END


def test_copies_bounce_in_a_restricted_pool(make: Make) -> None:
    board = make(RESTRICTED)
    pool = board.device("dma").restricted_pool
    assert pool is not None
    assert inside(driver(board)._microcode.dma_address), "allocations come from the pool as well"
    used = pool.slots.used
    source, target = mapped(board, TO, 4), mapped(board, FROM, 4)
    assert pool.slots.used > used
    assert (inside(source.address), inside(target.address)) == (True, True)
    assert not any(inside(int(frame) * PAGE) for frame in (*source.sgt.frames(), *target.sgt.frames()))
    data = source.fill(1)
    before = board.kernel.cpu.read_span(target.span).copy()
    assert copy(board, target.address, source.address, source.size) == [DmaResult.NOERROR]
    assert np.array_equal(board.kernel.cpu.read_span(target.span), before), "it is in the bounce buffer yet"
    assert not np.array_equal(before, data)
    assert np.array_equal(target.content(), data)
    target.unmap()
    source.unmap()
    assert pool.slots.used == used
    assert board.kernel.log.warnings == []


def test_what_is_not_synced_does_not_get_into_the_pool(make: Make) -> None:
    """The negative control: the device reads what the pool held when the buffer was mapped."""
    board = make(RESTRICTED)
    source, target = mapped(board, TO, 1), mapped(board, FROM, 1)
    board.kernel.cpu.write_span(source.span, pattern(PAGE) | np.uint8(1))
    assert copy(board, target.address, source.address, PAGE) == [DmaResult.NOERROR]
    assert not target.content().any()


def test_copies_within_a_coherent_pool(make: Make) -> None:
    """Nothing is synced: the kernel's mapping of the pool is not cached."""
    board = make(COHERENT)
    device = board.device("dma")
    of_reserved_mem_device_init(device)
    source, target = dma_alloc_coherent(device, 2 * PAGE), dma_alloc_coherent(device, 2 * PAGE)
    assert source is not None
    assert target is not None
    assert inside(source.dma_address)
    assert inside(target.dma_address)
    source.write(0, pattern(2 * PAGE))
    assert copy(board, target.dma_address, source.dma_address, 2 * PAGE) == [DmaResult.NOERROR]
    assert np.array_equal(target.read(0, 2 * PAGE), pattern(2 * PAGE))
    assert board.kernel.log.warnings == []
    cache = board.kernel.cache
    assert cache is not None
    assert cache.incidents == []
