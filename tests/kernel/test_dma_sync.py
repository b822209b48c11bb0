"""Ownership and caches: what map, unmap and syncs do for devices that see the caches and that do not."""

from __future__ import annotations

import pytest

from soc.kernel.dma import (
    DmaAttrs,
    dma_map_sgtable,
    dma_map_single,
    dma_sync_sg_for_cpu,
    dma_sync_sg_for_device,
    dma_sync_single_for_cpu,
    dma_sync_single_for_device,
    dma_sync_single_range_for_device,
    dma_unmap_sgtable,
    dma_unmap_single,
)
from soc.kernel.scatterlist import SgTable
from soc.memory.cache.cache import CpuCache
from tests.kernel.dma_bench import BOTH, FROM, PAGE, TO, DmaBoard, pattern
from tests.kernel.rehearsal import Rehearsal


class Diary(CpuCache):
    """Writes down what maintenance is asked for; the views stay one."""

    def __init__(self, cache: CpuCache) -> None:
        super().__init__(cache.dram, lambda: 0)
        self.asked: list[tuple[str, int, int]] = []

    def clean(self, span):
        self.asked.append(("clean", span.address, span.size))

    def invalidate(self, span):
        self.asked.append(("invalidate", span.address, span.size))

    def take(self) -> list[tuple[str, int, int]]:
        asked, self.asked = self.asked, []
        return asked


@pytest.fixture(params=["", ", dma-coherent: true"], ids=["non-coherent", "coherent"])
def either(request, tmp_path):
    board = DmaBoard(tmp_path, more=request.param)
    board.kernel.cache = Diary(board.with_cache())
    yield board, not request.param
    board.close()


@pytest.fixture
def board(tmp_path):
    board = DmaBoard(tmp_path)
    yield board
    board.close()


ROWS = [(TO, "clean", None), (FROM, "clean", "invalidate"), (BOTH, "clean", "invalidate")]


@pytest.mark.parametrize(("direction", "to_device", "to_cpu"), ROWS)
def test_the_table_for_single_mappings(either, direction, to_device, to_cpu):
    board, maintained = either
    device, phys = board.device(), board.pages(1)
    diary = board.kernel.cache

    def did(kind: str | None, size: int = 300) -> list[tuple[str, int, int]]:
        return [(kind, phys, size)] if maintained and kind else []

    address = dma_map_single(device, phys, 300, direction)
    assert diary.take() == did(to_device)
    dma_sync_single_for_cpu(device, address, 300, direction)
    assert diary.take() == did(to_cpu)
    dma_sync_single_for_device(device, address, 300, direction)
    assert diary.take() == did(to_device)
    dma_sync_single_range_for_device(device, address, 0, 64, direction)
    assert diary.take() == did(to_device, 64)
    dma_unmap_single(device, address, 300, direction)
    assert diary.take() == did(to_cpu)
    address = dma_map_single(device, phys, 300, direction, attrs=DmaAttrs.SKIP_CPU_SYNC)
    dma_unmap_single(device, address, 300, direction, attrs=DmaAttrs.SKIP_CPU_SYNC)
    assert diary.take() == []


@pytest.mark.parametrize(("direction", "to_device", "to_cpu"), ROWS)
def test_the_table_for_sg_tables(either, direction, to_device, to_cpu):
    board, maintained = either
    device, sgt, diary = board.device(), board.table(2, 1), board.kernel.cache

    def did(kind: str | None) -> list[tuple[str, int, int]]:
        return [(kind, int(sgt.starts[0]), 3 * PAGE)] if maintained and kind else []

    dma_map_sgtable(device, sgt, direction)
    assert diary.take() == did(to_device)
    dma_sync_sg_for_cpu(device, sgt, direction)
    assert diary.take() == did(to_cpu)
    dma_sync_sg_for_device(device, sgt, direction)
    assert diary.take() == did(to_device)
    dma_unmap_sgtable(device, sgt, direction)
    assert diary.take() == did(to_cpu)
    dma_sync_sg_for_cpu(device, sgt, direction)
    dma_sync_sg_for_device(device, sgt, direction)
    assert diary.take() == [], "a table that is not mapped"
    dma_map_sgtable(device, sgt, direction, attrs=DmaAttrs.SKIP_CPU_SYNC)
    dma_unmap_sgtable(device, sgt, direction, attrs=DmaAttrs.SKIP_CPU_SYNC)
    assert diary.take() == []


def test_behind_the_iommu_it_is_the_same():
    board = Rehearsal()
    device = board.device("lcdif")
    device.dma_coherent = False
    diary = Diary(CpuCache(board.machine.dram, lambda: 0))
    board.kernel.cache = diary
    sgt, phys = board.buffer(2, 1), board.kernel.memory.alloc_pages(1)
    whole, part = (int(sgt.starts[0]), 3 * PAGE), (phys + 100, 300)
    dma_map_sgtable(device, sgt, FROM)
    dma_sync_sg_for_cpu(device, sgt, FROM)
    dma_sync_sg_for_device(device, sgt, FROM)
    dma_unmap_sgtable(device, sgt, FROM)
    expected = ["clean", "invalidate", "clean", "invalidate"]
    assert diary.take() == [(kind, *whole) for kind in expected]
    address = dma_map_single(device, phys + 100, 300, FROM)
    dma_sync_single_for_cpu(device, address, 300, FROM)
    dma_sync_single_for_device(device, address, 300, FROM)
    dma_sync_single_for_device(device, address + 200, 100, FROM)
    dma_unmap_single(device, address, 300, FROM)
    taken = diary.take()
    assert taken.pop(3) == ("clean", phys + 300, 100)
    assert taken == [(kind, *part) for kind in expected]
    board.close()


def test_a_bounce_is_maintained_where_the_device_looks(tmp_path):
    board = DmaBoard(tmp_path, bootargs="swiotlb=512,force")
    board.kernel.cache = diary = Diary(board.with_cache())
    device, sgt = board.device(), board.table(1)
    dma_map_sgtable(device, sgt, BOTH)
    address = int(sgt.dma_address[0])
    dma_sync_sg_for_cpu(device, sgt, BOTH)
    single = dma_map_single(device, int(sgt.starts[0]), 500, BOTH)
    assert diary.take() == [("clean", address, PAGE), ("invalidate", address, PAGE), ("clean", single, 500)]
    board.close()


# --- with a cache that has two views ---------------------------------------


def test_with_syncs_both_see_everything(board):
    cache, device, sgt = board.with_cache(), board.device(), board.table(1, 2)
    start = int(sgt.starts[0])
    board.fill(start, pattern(PAGE))
    dma_map_sgtable(device, sgt, BOTH)
    address = int(sgt.dma_address[0])
    assert board.engine_reads(address, PAGE) == pattern(PAGE)
    board.engine_writes(address, pattern(PAGE, seed=2))
    dma_sync_sg_for_cpu(device, sgt, BOTH)
    assert board.seen(start, PAGE) == pattern(PAGE, seed=2)
    board.fill(start, pattern(PAGE, seed=3))
    dma_sync_sg_for_device(device, sgt, BOTH)
    assert board.engine_reads(address, PAGE) == pattern(PAGE, seed=3)
    board.engine_writes(address, pattern(PAGE, seed=4))
    dma_unmap_sgtable(device, sgt, BOTH)
    assert board.seen(start, PAGE) == pattern(PAGE, seed=4)
    assert cache.incidents == []


@pytest.mark.parametrize("sync", [True, False])
def test_a_missing_sync_for_cpu_is_stale(board, sync):
    cache, device, phys = board.with_cache(), board.device(), board.pages(1)
    address = dma_map_single(device, phys, PAGE, FROM)
    board.engine_writes(address, pattern(PAGE))
    if sync:
        dma_sync_single_for_cpu(device, address, PAGE, FROM)
    assert (board.seen(phys, PAGE) == pattern(PAGE)) is sync
    assert [incident.kind.name for incident in cache.incidents] == ([] if sync else ["STALE_CPU_READ"])


@pytest.mark.parametrize("sync", [True, False])
def test_a_missing_sync_for_device_is_stale(board, sync):
    cache, device, phys = board.with_cache(), board.device(), board.pages(1)
    address = dma_map_single(device, phys, PAGE, TO)
    board.fill(phys, pattern(PAGE))
    if sync:
        dma_sync_single_for_device(device, address, PAGE, TO)
    assert (board.engine_reads(address, PAGE) == pattern(PAGE)) is sync
    assert [incident.kind.name for incident in cache.incidents] == ([] if sync else ["STALE_DEVICE_READ"])


def test_a_small_buffer_bounces_so_that_its_neighbours_survive(board):
    cache, device, phys = board.with_cache(), board.device(), board.pages(1)
    sgt = SgTable.of([(phys + 16, 16)])
    dma_map_sgtable(device, sgt, FROM)
    board.fill(phys, b"neighbour before")
    board.fill(phys + 32, b"neighbour after!")
    board.engine_writes(int(sgt.dma_address[0]), b"from the device!")
    dma_unmap_sgtable(device, sgt, FROM)
    assert board.seen(phys, 48) == b"neighbour beforefrom the device!neighbour after!"
    assert (sgt.bounce_copies, sgt.bounced_bytes, cache.incidents) == (2, 32, [])
