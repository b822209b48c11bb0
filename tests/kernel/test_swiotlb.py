"""Bounce buffers: what bounces, what is copied when, and what is counted."""

from __future__ import annotations

import pytest

from soc.kernel.dma import (
    DMA_MAPPING_ERROR,
    DmaAttrs,
    dma_map_sg,
    dma_map_sgtable,
    dma_map_single,
    dma_max_mapping_size,
    dma_set_min_align_mask,
    dma_set_seg_boundary,
    dma_sync_sgtable_for_cpu,
    dma_sync_sgtable_for_device,
    dma_sync_single_for_cpu,
    dma_sync_single_for_device,
    dma_sync_single_range_for_cpu,
    dma_unmap_sgtable,
    dma_unmap_single,
)
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import SgTable
from tests.kernel.dma_bench import BASE, BOTH, FROM, PAGE, TO, DmaBoard, pattern

TITLE = "engine 1000000.engine"
FORCE = "swiotlb=1024,force"


@pytest.fixture
def board(tmp_path):
    board = DmaBoard(tmp_path, bootargs=FORCE)
    yield board
    board.close()


@pytest.fixture
def plain(tmp_path):
    board = DmaBoard(tmp_path)
    yield board
    board.close()


def test_a_zero_copy_mapping_has_no_bounce_copies_and_force_is_its_negative_control(board, plain):
    for each, copies in ((plain, 0), (board, 2)):
        device, sgt = each.device(), each.table(4)
        before = each.kernel.cpu.traffic.total()
        dma_map_sgtable(device, sgt, FROM)
        data = pattern(sgt.size)
        each.engine_writes(int(sgt.dma_address[0]), data)
        dma_unmap_sgtable(device, sgt, FROM)
        assert each.seen(int(sgt.starts[0]), sgt.size) == data
        assert (sgt.bounce_copies, sgt.bounced_bytes) == (copies, copies * 4 * PAGE)
        assert (each.kernel.swiotlb.copies, each.kernel.swiotlb.bytes) == (copies, copies * 4 * PAGE)
        read, written = (b - a for a, b in zip(before, each.kernel.cpu.traffic.total(), strict=True))
        assert (read - 4 * PAGE, written) == (copies * 4 * PAGE, copies * 4 * PAGE), (
            "a bounce is the CPU's copy"
        )
        assert each.log() == []


def test_the_device_uses_another_page_until_somebody_syncs(board):
    """What shows as stale frames in importers that map for good with SKIP_CPU_SYNC."""
    device, sgt = board.device(), board.table(1)
    board.fill(int(sgt.starts[0]), b"old!")
    dma_map_sgtable(device, sgt, BOTH, attrs=DmaAttrs.SKIP_CPU_SYNC)
    address = int(sgt.dma_address[0])
    assert address != sgt.starts[0]
    assert board.engine_reads(address, 4) == b"old!", "filled at map, also with SKIP_CPU_SYNC"
    board.engine_writes(address, b"new!")
    assert board.seen(int(sgt.starts[0]), 4) == b"old!"
    dma_sync_sgtable_for_cpu(device, sgt, BOTH)
    assert board.seen(int(sgt.starts[0]), 4) == b"new!"
    board.fill(int(sgt.starts[0]), b"next")
    assert board.engine_reads(address, 4) == b"new!"
    dma_sync_sgtable_for_device(device, sgt, BOTH)
    assert board.engine_reads(address, 4) == b"next"
    board.engine_writes(address, b"lost")
    dma_unmap_sgtable(device, sgt, BOTH, attrs=DmaAttrs.SKIP_CPU_SYNC)
    assert board.seen(int(sgt.starts[0]), 4) == b"next", "SKIP_CPU_SYNC copies nothing out"
    assert sgt.bounce_copies == 3


@pytest.mark.parametrize(
    ("direction", "map_copies", "for_cpu", "for_device", "unmap"),
    [(TO, 1, 0, 1, 0), (FROM, 1, 1, 0, 1), (BOTH, 1, 1, 1, 1)],
)
def test_when_something_is_copied(board, direction, map_copies, for_cpu, for_device, unmap):
    device, phys, pool = board.device(), board.pages(1), board.kernel.swiotlb
    address = dma_map_single(device, phys, 3000, direction)
    assert pool.copies == map_copies, "also FROM_DEVICE: old contents of the slots must not leak"
    steps = (
        (lambda: dma_sync_single_for_cpu(device, address, 3000, direction), for_cpu),
        (lambda: dma_sync_single_for_device(device, address, 3000, direction), for_device),
        (lambda: dma_unmap_single(device, address, 3000, direction), unmap),
    )
    for step, copies in steps:
        before = pool.copies, pool.bytes
        step()
        assert (pool.copies - before[0], pool.bytes - before[1]) == (copies, copies * 3000)
    assert (pool.slots.used, pool.slots.high_water, pool.bounces) == (0, 2, [])


def test_old_contents_of_the_slots_do_not_reach_the_next_owner(board):
    device, secret, other = board.device(), board.pages(1), board.pages(1)
    board.fill(secret, b"secret")
    address = dma_map_single(device, secret, PAGE, TO)
    dma_unmap_single(device, address, PAGE, TO)
    board.kernel.swiotlb.slots._next = 0
    again = dma_map_single(device, other, PAGE, FROM)
    assert again == address
    assert board.engine_reads(again, 6) == bytes(6)


def test_a_part_is_synced_alone(board):
    device, phys = board.device(), board.pages(1)
    address = dma_map_single(device, phys, PAGE, FROM)
    board.engine_writes(address, pattern(PAGE))
    dma_sync_single_range_for_cpu(device, address, 1000, 24, FROM)
    expected = bytes(1000) + pattern(PAGE)[1000:1024] + bytes(PAGE - 1024)
    assert board.seen(phys, PAGE) == expected
    assert board.kernel.swiotlb.bytes == PAGE + 24


def test_a_sync_past_the_end_stops_there_with_a_warning(board):
    device, phys = board.device(), board.pages(1)
    address = dma_map_single(device, phys, 100, FROM)
    dma_sync_single_range_for_cpu(device, address, 40, 100, FROM)
    assert board.kernel.log.warnings == [
        f"{TITLE}: Buffer overflow detected. Allocation size: 60. Mapping size: 100."
    ]
    assert board.kernel.swiotlb.bytes == 100 + 60


# --- limits ----------------------------------------------------------------


def test_a_bounce_is_at_most_256_kib(board):
    device, phys = board.device(), board.pages(128)
    address = dma_map_single(device, phys, 256 << 10, TO)
    assert address != DMA_MAPPING_ERROR
    dma_unmap_single(device, address, 256 << 10, TO)
    assert dma_map_single(device, phys, (256 << 10) + 1, TO) == DMA_MAPPING_ERROR
    assert board.log() == [
        f"{TITLE}: swiotlb buffer is full (sz: 262145 bytes), total 1024 (slots), used 0 (slots)"
    ]


@pytest.mark.parametrize(("mask", "size"), [(0, 256 << 10), (2047, 254 << 10), (4095, 252 << 10)])
def test_the_largest_mapping_shrinks_by_the_alignment(board, mask, size):
    device = board.device()
    dma_set_min_align_mask(device, mask)
    assert dma_max_mapping_size(device) == size


def test_a_full_pool_is_told_at_most_ten_times_in_five_seconds(board):
    device, phys = board.device(), board.pages(1)
    for _ in range(8):
        assert dma_map_single(device, board.pages(64), 256 << 10, TO) != DMA_MAPPING_ERROR
    for _ in range(25):
        assert dma_map_single(device, phys, PAGE, TO) == DMA_MAPPING_ERROR
    full = f"{TITLE}: swiotlb buffer is full (sz: 4096 bytes), total 1024 (slots), used 1024 (slots)"
    assert board.log() == [full] * 10
    board.kernel.clock.advance(5_000_000_001)
    dma_map_single(device, phys, PAGE, TO)
    assert board.log()[10:] == ["swiotlb_tbl_map_single: 15 callbacks suppressed", full]
    assert dma_map_single(device, phys, PAGE, TO, attrs=DmaAttrs.NO_WARN) == DMA_MAPPING_ERROR
    assert len(board.log()) == 12


def test_a_table_that_finds_no_slots_gives_back_what_it_took(board):
    device, pool = board.device(), board.kernel.swiotlb
    phys = board.pages(1)
    sgt = SgTable.of([(phys, PAGE)] * 513)
    with pytest.raises(KernelError) as caught:
        dma_map_sgtable(device, sgt, TO)
    assert caught.value.errno == 5
    assert caught.value.why == f"1000000.engine: entry 512, 4096 bytes at {phys:#x}, has no bus address"
    assert (pool.slots.used, pool.slots.high_water, sgt.nents, sgt.bounces) == (0, 1024, 0, [])
    assert dma_map_sg(device, sgt, TO) == 0


def test_entries_keep_the_low_bits_a_device_asks_for(board):
    device, phys = board.device(), board.pages(1)
    dma_set_min_align_mask(device, PAGE - 1)
    for offset in (0x10, 0x7FF, 0x800, 0xE34):
        address = dma_map_single(device, phys + offset, 64, TO)
        assert address & (PAGE - 1) == offset
    dma_set_min_align_mask(device, 0)
    assert dma_map_single(device, phys + 0xE34, 64, TO) & 0x7FF == 0


def test_pages_bounce_to_pages(board):
    device, phys = board.device(), board.pages(2)
    dma_map_single(device, phys, 64, TO)
    assert dma_map_single(device, phys, PAGE, TO) % PAGE == 0


def test_no_bounce_crosses_the_devices_boundary(board):
    device, phys = board.device(), board.pages(8)
    dma_set_seg_boundary(device, (32 << 10) - 1)
    dma_map_single(device, phys, 20 << 10, TO)
    for _ in range(20):
        address = dma_map_single(device, phys, 20 << 10, TO)
        assert address >> 15 == (address + (20 << 10) - 1) >> 15


# --- who bounces -----------------------------------------------------------


def test_only_entries_out_of_reach_bounce(tmp_path):
    board = DmaBoard(tmp_path, memory="[[0x80000000, 64M], [0x100000000, 64M]]")
    device, pool = board.device(), board.kernel.swiotlb
    assert pool.slots.count == 16384, "half of what lies below 4 GiB"
    assert dma_max_mapping_size(device) == 256 << 10
    high, low = 0x1_0000_0000, board.kernel.memory.alloc_pages(1, 1 << 32)
    board.fill(high, b"high")
    sgt = SgTable.of([(low, PAGE), (high, PAGE)])
    dma_map_sgtable(device, sgt, BOTH)
    assert sgt.dma_address[0] == low and pool.holds(int(sgt.dma_address[1]))
    assert board.engine_reads(int(sgt.dma_address[1]), 4) == b"high"
    assert (sgt.bounce_copies, sgt.bounced_bytes) == (1, PAGE)
    board.engine_writes(int(sgt.dma_address[1]), b"back")
    dma_unmap_sgtable(device, sgt, BOTH)
    assert board.seen(high, 4) == b"back"
    assert board.log() == []
    board.close()


def test_without_a_pool_what_is_out_of_reach_fails(tmp_path):
    board = DmaBoard(tmp_path, memory="[[0x80000000, 64M], [0x100000000, 64M]]", bootargs="swiotlb=noforce")
    device = board.device()
    assert board.kernel.swiotlb is None
    assert dma_map_single(device, 0x1_0000_0000, PAGE, TO) == DMA_MAPPING_ERROR
    assert dma_map_single(device, 0x1_0000_0000, PAGE, TO) == DMA_MAPPING_ERROR
    with pytest.raises(KernelError) as caught:
        dma_map_sgtable(device, SgTable.of([(0x1_0000_0000, PAGE)]), TO)
    assert caught.value.errno == 5
    assert board.kernel.log.warnings == [
        f"{TITLE}: DMA addr 0x0000000100000000+4096 overflow (mask ffffffff, bus limit 0)."
    ]
    board.close()


def test_a_pool_the_device_does_not_reach_is_no_help(board):
    device = board.device()
    device.dma_mask = 31
    assert dma_map_single(device, board.pages(1), PAGE, TO) == DMA_MAPPING_ERROR
    (warning,) = board.kernel.log.warnings
    address = board.kernel.swiotlb.base
    assert warning == f"{TITLE}: swiotlb addr {address:#018x}+4096 overflow (mask 7fffffff, bus limit 0)."
    assert board.kernel.swiotlb.slots.used == 0


@pytest.mark.parametrize("size", [1, 8, 31, 32, 65, 96])
@pytest.mark.parametrize("direction", [FROM, BOTH])
def test_small_buffers_that_share_cache_lines_bounce(plain, size, direction):
    device, phys = plain.device(), plain.pages(1)
    address = dma_map_single(device, phys, size, direction)
    assert plain.kernel.swiotlb.holds(address)
    dma_unmap_single(device, address, size, direction)
    sgt = SgTable.of([(phys, PAGE), (phys, size)])
    dma_map_sgtable(device, sgt, direction)
    assert len(sgt.bounces) == 1 and plain.kernel.swiotlb.holds(int(sgt.dma_address[1]))


@pytest.mark.parametrize(
    ("size", "direction"),
    [(32, TO), (33, FROM), (64, FROM), (97, BOTH), (128, FROM), (129, FROM), (256, FROM)],
)
def test_and_others_do_not(plain, size, direction):
    phys = plain.pages(1)
    assert dma_map_single(plain.device(), phys, size, direction) == phys


def test_nor_do_those_of_a_coherent_device(tmp_path):
    board = DmaBoard(tmp_path, more=", dma-coherent: true")
    phys = board.pages(1)
    assert dma_map_single(board.device(), phys, 32, FROM) == phys
    board.close()


# --- the pool of the kernel ------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "bootargs", "count"),
    [
        ("[[0x80000000, 64M]]", "", 128),
        ("[[0x80000000, 1G]]", "", 512),
        ("[[0x80000000, 64M]]", "swiotlb=300", 384),
        ("[[0x80000000, 1G]]", "swiotlb=force", 32768),
        ("[[0x80000000, 64M]]", "swiotlb=force", 16384),
        ("[[0x80000000, 256M], [0x100000000, 64M]]", "", 32768),
    ],
)
def test_the_size_of_the_pool(tmp_path, memory, bootargs, count):
    board = DmaBoard(tmp_path, memory=memory, bootargs=bootargs)
    pool = board.kernel.swiotlb
    assert (pool.slots.count, pool.force) == (count, "force" in bootargs)
    assert pool.base + pool.size <= 1 << 32
    board.close()


def test_the_pool_is_not_the_page_allocators(board):
    pool = board.kernel.swiotlb
    assert pool.base == BASE + (64 << 20) - (2 << 20)
    pages = board.kernel.memory.pages.alloc_pages(board.kernel.memory.pages.free_frames)
    assert not ((pages >= pool.base >> 12) & (pages < (pool.base + pool.size) >> 12)).any()
    line = f"software IO TLB: mapped [mem {pool.base:#018x}-{pool.base + pool.size:#018x}] (2MB)"
    assert line in [entry.text for entry in board.kernel.log.entries]


def test_no_room_for_the_pool(tmp_path):
    reserved = "  all@80000000: {reg: [[0x80000000, 65408K]]}\n"
    board = DmaBoard(tmp_path, reserved=reserved)
    assert board.log() == ["software IO TLB: Failed to allocate 262144 bytes tlb structure"]
    assert board.kernel.swiotlb is None
    board.close()


def test_the_counters_are_in_debugfs(board):
    device, phys = board.device(), board.pages(1)
    address = dma_map_single(device, phys, PAGE, TO)
    dma_map_single(device, phys, 1, TO)
    dma_unmap_single(device, address, PAGE, TO)
    read = board.kernel.views.read
    names = ("io_tlb_nslabs", "io_tlb_used", "io_tlb_used_hiwater")
    assert [read(f"/sys/kernel/debug/swiotlb/{name}") for name in names] == ["1024\n", "1\n", "3\n"]
