"""Coherent and non-contiguous memory: where it comes from, how it is mapped, what is left afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from soc.address import Iova
from soc.iommu.port import DmaAbort
from soc.kernel.dma import (
    DmaAttrs,
    MemoryType,
    dma_alloc_attrs,
    dma_alloc_coherent,
    dma_alloc_noncontiguous,
    dma_free_coherent,
    dma_free_noncontiguous,
    dma_get_sgtable,
    dma_map_single,
    dma_max_mapping_size,
    dma_mmap_coherent,
    dma_mmap_noncontiguous,
    dma_sync_sgtable_for_cpu,
    dma_sync_sgtable_for_device,
    dma_unmap_single,
    dma_vmap_noncontiguous,
    of_reserved_mem_device_init,
)
from soc.kernel.errors import KernelError
from soc.memory.cache.views import DramView
from tests.kernel.dma_bench import BOTH, FROM, PAGE, TO, DmaBoard, pattern
from tests.kernel.rehearsal import DISPLAY, Rehearsal

TITLE = "engine 1000000.engine"
POOL = "  pool@83000000: &pool {compatible: shared-dma-pool, reg: [[0x83000000, 64K]], no-map: true}\n"
AREAS = (
    "  area@82000000: &area {compatible: shared-dma-pool, reg: [[0x82000000, 4M]], reusable: true}\n"
    "  main@82400000: &main {compatible: shared-dma-pool, reg: [[0x82400000, 4M]], reusable: true,"
    " 'linux,cma-default': true}\n"
)
BOUNCE = "  bounce@83400000: &bounce {compatible: restricted-dma-pool, reg: [[0x83400000, 1M]]}\n"


@pytest.fixture
def board(tmp_path):
    board = DmaBoard(tmp_path)
    yield board
    board.close()


@pytest.fixture
def rehearsal():
    board = Rehearsal()
    if board.kernel.cache is not None:  # the display does not see it, so its stand-in may not
        engine = board.port(DISPLAY).master
        engine.memory = DramView(board.kernel.cache, engine.name)
    yield board
    board.close()


def data(text: bytes) -> np.ndarray:
    return np.frombuffer(text, dtype=np.uint8)


# --- where it comes from ---------------------------------------------------


def test_the_order_of_preference(tmp_path):
    """Coherent pool, the device's CMA area, the default area for more than a page, the buddy system."""
    board = DmaBoard(tmp_path, more=", memory-region: [*pool, *area]", reserved=POOL + AREAS)
    device = board.device()

    def source(size: int) -> str:
        memory = dma_alloc_coherent(device, size)
        assert memory is not None
        dma_free_coherent(device, size, memory, memory.dma_address)
        return memory.pages.source

    assert [source(PAGE), source(PAGE + 1)] == ["buddy", "CMA area main@82400000"]
    device.cma_area = board.kernel.memory.cma.areas[0]
    assert [source(PAGE), source(PAGE + 1)] == ["CMA area area@82000000"] * 2
    of_reserved_mem_device_init(device)
    assert [source(PAGE), source(PAGE + 1)] == ["coherent pool"] * 2
    board.close()


def test_a_full_area_falls_back_to_the_buddy_system_a_full_pool_does_not(tmp_path):
    board = DmaBoard(tmp_path, more=", memory-region: [*pool]", reserved=POOL + AREAS)
    device = board.device()
    first = dma_alloc_coherent(device, 4 << 20, DmaAttrs.NO_WARN)
    second = dma_alloc_coherent(device, 4 << 20, DmaAttrs.NO_WARN)
    assert (first.pages.source, second.pages.source) == ("CMA area main@82400000", "buddy")
    of_reserved_mem_device_init(device)
    assert dma_alloc_coherent(device, 128 << 10) is None
    third = dma_alloc_coherent(device, 36 << 10)
    assert dma_alloc_coherent(device, PAGE) is None, "36 KiB took a block of 64"
    assert device.coherent_pool.used == 64 << 10
    dma_free_coherent(device, 36 << 10, third, third.dma_address)
    assert device.coherent_pool.used == 0
    board.close()


def test_freed_memory_is_the_allocators_again(tmp_path):
    board = DmaBoard(tmp_path, reserved=AREAS)
    device, pages = board.device(), board.kernel.memory.pages
    before = pages.free_frames, board.kernel.memory.cma.default.used
    for size in (100, 3 * PAGE, 100 * PAGE):
        memory = dma_alloc_coherent(device, size)
        dma_free_coherent(device, size, memory, memory.dma_address)
    assert (pages.free_frames, board.kernel.memory.cma.default.used) == before
    dma_free_coherent(device, size, memory, memory.dma_address)
    assert board.kernel.log.warnings == [
        f"{TITLE}: coherent memory at {memory.dma_address:#x} was freed before"
    ]
    board.close()


def test_it_is_zeroed_and_whole_pages(board):
    device, dirty = board.device(), board.pages(8)
    board.fill(dirty, pattern(8 * PAGE))
    board.kernel.memory.free_pages(dirty, 8)
    memory = dma_alloc_coherent(device, 5 * PAGE + 1)
    assert memory.pages.frames[0] == dirty >> 12, "the test is about the very pages that were dirty"
    assert len(memory.pages.frames) == 6
    assert not memory.read(0, 6 * PAGE).any()
    assert board.engine_reads(memory.dma_address, 6 * PAGE) == bytes(6 * PAGE)
    memory.write(PAGE + 7, data(b"hello"))
    assert board.engine_reads(memory.dma_address + PAGE + 7, 5) == b"hello"


def test_it_is_where_the_coherent_mask_reaches(tmp_path):
    board = DmaBoard(tmp_path, memory="[[0x80000000, 64M], [0x100000000, 64M]]")
    device = board.device()
    low = dma_alloc_coherent(device, PAGE)
    assert low.dma_address < 1 << 32
    device.coherent_dma_mask = 33
    assert dma_alloc_coherent(device, PAGE).dma_address >= 1 << 32
    device.coherent_dma_mask = 31
    assert dma_alloc_coherent(device, PAGE) is None
    assert dma_alloc_coherent(device, 8 * PAGE) is None
    assert dma_alloc_coherent(device, PAGE, DmaAttrs.NO_WARN) is None
    assert board.log() == [
        f"{TITLE}: page allocation failure: order:0",
        f"{TITLE}: page allocation failure: order:3",
    ]
    board.close()


def test_addresses_follow_dma_ranges(tmp_path):
    board = DmaBoard(tmp_path, bus="  dma-ranges: [[0x10000000, 0x80000000, 32M]]\n")
    memory = dma_alloc_coherent(board.device(), 2 * PAGE)
    assert memory.dma_address == memory.cpu_address - 0x7000_0000
    board.close()


def test_nothing_for_nothing(board):
    assert dma_alloc_coherent(board.device(), 0) is None


# --- how the CPU maps it ---------------------------------------------------


@pytest.mark.parametrize(
    ("more", "attrs", "kind"),
    [
        ("", DmaAttrs.NONE, MemoryType.UNCACHED),
        ("", DmaAttrs.WRITE_COMBINE, MemoryType.WRITE_COMBINE),
        (", dma-coherent: true", DmaAttrs.NONE, MemoryType.CACHED),
        (", dma-coherent: true", DmaAttrs.WRITE_COMBINE, MemoryType.CACHED),
    ],
)
def test_memory_types(tmp_path, more, attrs, kind):
    board = DmaBoard(tmp_path, more=more)
    assert dma_alloc_attrs(board.device(), PAGE, attrs).memory_type is kind
    board.close()


def test_uncached_memory_needs_no_sync_but_its_cached_alias_lies(board):
    cache, device = board.with_cache(), board.device()
    dirty = board.pages(1)
    board.fill(dirty, pattern(PAGE))
    board.kernel.memory.free_pages(dirty, 1)
    memory = dma_alloc_coherent(device, PAGE)
    assert memory.cpu_address == dirty, "a page with dirty lines of its last owner"
    assert board.engine_reads(memory.dma_address, PAGE) == bytes(PAGE)
    memory.write(0, data(b"to device"))
    assert board.engine_reads(memory.dma_address, 9) == b"to device"
    board.engine_writes(memory.dma_address, b"to cpu!!!")
    assert memory.read(0, 9).tobytes() == b"to cpu!!!"
    assert cache.incidents == []
    board.seen(memory.cpu_address, 9)
    assert [incident.kind.name for incident in cache.incidents] == ["STALE_CPU_READ"]


def test_the_next_owner_inherits_no_stale_lines(board):
    cache, device = board.with_cache(), board.device()
    memory = dma_alloc_coherent(device, PAGE)
    board.engine_writes(memory.dma_address, pattern(PAGE))
    dma_free_coherent(device, PAGE, memory, memory.dma_address)
    board.seen(memory.cpu_address, PAGE)
    assert cache.incidents == []


def test_without_a_kernel_mapping_the_cpu_has_no_access_and_nobody_zeroes(board):
    device, dirty = board.device(), board.pages(1)
    board.fill(dirty, b"left over")
    board.kernel.memory.free_pages(dirty, 1)
    memory = dma_alloc_coherent(device, PAGE, DmaAttrs.NO_KERNEL_MAPPING)
    assert board.engine_reads(memory.dma_address, 9) == b"left over"
    for access in (lambda: memory.read(0, 1), lambda: memory.write(0, data(b"x"))):
        with pytest.raises(KernelError) as caught:
            access()
        assert caught.value.errno == 14


@pytest.mark.parametrize(("offset", "size"), [(-1, 4), (PAGE, 1), (PAGE - 3, 4)])
def test_the_mapping_has_ends(board, offset, size):
    memory = dma_alloc_coherent(board.device(), PAGE)
    with pytest.raises(KernelError, match="no mapping of"):
        memory.read(offset, size)


def test_mmap_and_sgtable(tmp_path):
    board = DmaBoard(tmp_path, more=", memory-region: [*pool]", reserved=POOL)
    device = board.device()
    memory = dma_alloc_coherent(device, 4 * PAGE)
    frames = memory.pages.frames
    assert dma_mmap_coherent(device, memory, 1, 3).tolist() == frames[1:].tolist()
    for offset, count in ((0, 5), (4, 1), (3, 2)):
        with pytest.raises(KernelError) as caught:
            dma_mmap_coherent(device, memory, offset, count)
        assert caught.value.errno == 6
    sgt = dma_get_sgtable(device, memory)
    assert (sgt.starts.tolist(), sgt.lengths.tolist(), sgt.nents) == ([frames[0] << 12], [4 * PAGE], 0)
    of_reserved_mem_device_init(device)
    pooled = dma_alloc_coherent(device, PAGE)
    assert (pooled.cpu_address, pooled.memory_type) == (0x8300_0000, MemoryType.WRITE_COMBINE)
    with pytest.raises(KernelError) as caught:
        dma_get_sgtable(device, pooled)
    assert caught.value.errno == 6
    board.close()


# --- restricted-dma-pool ---------------------------------------------------


def test_all_dma_of_the_device_goes_through_its_restricted_pool(tmp_path):
    board = DmaBoard(tmp_path, more=", memory-region: [*bounce]", reserved=BOUNCE + AREAS)
    device, phys = board.device(), board.pages(1)
    pool = device.restricted_pool
    assert dma_max_mapping_size(device) == 256 << 10
    address = dma_map_single(device, phys, PAGE, BOTH)
    memory = dma_alloc_coherent(device, 3 * PAGE, DmaAttrs.NO_KERNEL_MAPPING)
    assert pool.holds(address) and pool.holds(memory.dma_address) and memory.mapped
    assert not memory.read(0, 3 * PAGE).any()
    assert memory.dma_address % (4 * PAGE) == 0 and pool.slots.used == 2 + 6
    dma_unmap_single(device, address, PAGE, BOTH)
    dma_free_coherent(device, 3 * PAGE, memory, memory.dma_address)
    assert (pool.slots.used, pool.copies, board.kernel.swiotlb.copies) == (0, 2, 0)
    assert dma_alloc_coherent(device, 257 << 10) is None, "no more than a bounce"
    board.close()


# --- behind the IOMMU ------------------------------------------------------


def test_behind_the_iommu_single_pages_do(rehearsal):
    device, pages = rehearsal.device("lcdif"), rehearsal.kernel.memory.pages
    before = pages.free_frames
    memory = dma_alloc_coherent(device, 20 * PAGE, what="a ring")
    assert memory.pages.source == "pages" and device.iommu_domain.live_mappings[0].what == "a ring"
    port = rehearsal.port(DISPLAY)
    port.write(Iova(memory.dma_address + 10 * PAGE), data(b"ring"))
    assert memory.read(10 * PAGE, 4).tobytes() == b"ring"
    dma_free_coherent(device, 20 * PAGE, memory, memory.dma_address)
    assert device.iommu_domain.live_mappings == []
    with pytest.raises(DmaAbort, match="F_TRANSLATION"):
        port.read(Iova(memory.dma_address), 4)
    tables = before - pages.free_frames
    assert 0 <= tables <= 3, "what is not back are page tables"


def test_contiguous_and_single_pages_on_request(rehearsal):
    device = rehearsal.device("lcdif")
    for attrs in (DmaAttrs.FORCE_CONTIGUOUS, DmaAttrs.ALLOC_SINGLE_PAGES):
        memory = dma_alloc_coherent(device, 9 * PAGE, attrs)
        assert len(memory.pages.frames) == 9
        assert not memory.read(0, 9 * PAGE).any()
        if attrs is DmaAttrs.FORCE_CONTIGUOUS:
            assert memory.pages.span.contiguous and memory.pages.source == "CMA area linux,cma@a0000000"
        dma_free_coherent(device, 9 * PAGE, memory, memory.dma_address)


def test_no_iova_space_is_no_memory(rehearsal):
    device, pages = rehearsal.device("lcdif"), rehearsal.kernel.memory.pages
    device.coherent_dma_mask = 13
    before = pages.free_frames
    assert dma_alloc_coherent(device, 8 * PAGE) is None
    assert dma_alloc_noncontiguous(device, 8 * PAGE, TO) is None
    assert pages.free_frames == before


# --- non-contiguous --------------------------------------------------------


def test_noncontiguous_memory_is_cached_and_synced_by_hand(board):
    cache, device = board.with_cache(), board.device()
    before = board.kernel.memory.pages.free_frames
    table = dma_alloc_noncontiguous(device, 3 * PAGE + 5, BOTH)
    assert (table.nents, table.dma_length.tolist(), table.lengths.tolist()) == (1, [4 * PAGE], [4 * PAGE])
    mapping, address = dma_vmap_noncontiguous(device, table), int(table.dma_address[0])
    assert mapping.size == 4 * PAGE and board.engine_reads(address, 4 * PAGE) == bytes(4 * PAGE)
    mapping.write(pattern(4 * PAGE))
    dma_sync_sgtable_for_device(device, table, BOTH)
    assert board.engine_reads(address, 4 * PAGE) == pattern(4 * PAGE)
    board.engine_writes(address, b"done")
    dma_sync_sgtable_for_cpu(device, table, BOTH)
    assert mapping.read(0, 4).tobytes() == b"done"
    assert cache.incidents == []
    dma_free_noncontiguous(device, table, BOTH)
    dma_free_noncontiguous(device, table, BOTH)
    assert board.kernel.memory.pages.free_frames == before


def test_noncontiguous_memory_behind_the_iommu_is_one_segment(rehearsal):
    device, pages = rehearsal.device("lcdif"), rehearsal.kernel.memory.pages
    held = [pages.alloc() for _ in range(64)]
    for frame in held[::2]:
        pages.free(frame)
    table = dma_alloc_noncontiguous(device, 40 * PAGE, FROM, DmaAttrs.ALLOC_SINGLE_PAGES)
    assert table.orig_nents > 1 and table.dma_length.tolist() == [40 * PAGE]
    rehearsal.port(DISPLAY).write(Iova(int(table.dma_address[0])), data(pattern(40 * PAGE)))
    assert dma_mmap_noncontiguous(device, table, 39, 1).tolist() == [table.frames()[39]]
    with pytest.raises(KernelError) as caught:
        dma_mmap_noncontiguous(device, table, 39, 2)
    assert caught.value.errno == 6
    dma_free_noncontiguous(device, table, FROM)
    assert device.iommu_domain.live_mappings == []


def test_other_attributes_are_refused_with_one_warning(board):
    for _ in range(2):
        assert dma_alloc_noncontiguous(board.device(), PAGE, TO, DmaAttrs.WRITE_COMBINE) is None
    assert board.kernel.log.warnings == [f"{TITLE}: dma_alloc_noncontiguous does not know WRITE_COMBINE"]
