"""Devices without an IOMMU: offsets, masks, limits and errno."""

from __future__ import annotations

import pytest

from soc.kernel.dma import (
    DMA_MAPPING_ERROR,
    dma_addressing_limited,
    dma_get_required_mask,
    dma_map_page,
    dma_map_resource,
    dma_map_sg,
    dma_map_sgtable,
    dma_map_single,
    dma_mapping_error,
    dma_max_mapping_size,
    dma_set_coherent_mask,
    dma_set_mask,
    dma_set_mask_and_coherent,
    dma_set_max_seg_size,
    dma_set_seg_boundary,
    dma_unmap_page,
    dma_unmap_resource,
    dma_unmap_sg,
    dma_unmap_sgtable,
    dma_unmap_single,
)
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import SgTable
from tests.kernel.dma_bench import BASE, BOTH, ENGINE, FROM, NONE, PAGE, TO, DmaBoard

NAME = "1000000.engine"
TITLE = f"engine {NAME}"
INNER = (
    "  inner:\n    compatible: simple-bus\n    '#address-cells': 2\n    '#size-cells': 2\n    ranges: true\n"
)
TWO_BANKS = "[[0x80000000, 64M], [0x100000000, 64M]]"


@pytest.fixture
def board(tmp_path):
    board = DmaBoard(tmp_path)
    yield board
    board.close()


def refused(call, errno, why):
    with pytest.raises(KernelError) as caught:
        call()
    assert (caught.value.errno, caught.value.why) == (errno, why)


# --- addresses -------------------------------------------------------------


def test_addresses_are_physical_and_entries_stay_apart(board):
    device, sgt = board.device(), board.table(2, 1)
    assert dma_map_sg(device, sgt, TO) == 2
    assert sgt.dma_address.tolist() == sgt.starts.tolist()
    assert sgt.dma_length.tolist() == [2 * PAGE, PAGE]
    dma_unmap_sg(device, sgt, TO)
    assert (sgt.nents, sgt.orig_nents) == (0, 2)


def test_single_mappings(board):
    device, phys = board.device(), board.pages(1)
    address = dma_map_single(device, phys + 100, 200, TO)
    assert (address, dma_mapping_error(device, address)) == (phys + 100, False)
    dma_unmap_single(device, address, 200, TO)
    assert dma_map_page(device, phys >> 12, 100, 200, TO) == phys + 100
    dma_unmap_page(device, phys + 100, 200, TO)
    assert dma_mapping_error(device, DMA_MAPPING_ERROR)
    assert DMA_MAPPING_ERROR == 0xFFFF_FFFF_FFFF_FFFF
    dma_unmap_single(device, DMA_MAPPING_ERROR, 200, TO)
    assert board.log() == []


def test_what_cannot_be_mapped(board):
    device, sgt = board.device(), board.table(1)
    nothing = f"{NAME}: nothing to map or no direction"
    refused(lambda: dma_map_sgtable(device, sgt, NONE), 22, nothing)
    refused(lambda: dma_map_sgtable(device, SgTable.of([]), TO), 22, nothing)
    refused(lambda: dma_map_sgtable(device, SgTable.of([(BASE, 0)]), TO), 22, nothing)
    refused(lambda: dma_map_single(device, BASE, 0, TO), 22, nothing)
    refused(lambda: dma_map_single(device, BASE, 8, NONE), 22, nothing)
    refused(lambda: dma_map_resource(device, 0x1000, 8, NONE), 22, nothing)
    assert dma_map_sg(device, sgt, NONE) == 0
    dma_map_sgtable(device, sgt, TO)
    refused(lambda: dma_map_sgtable(device, sgt, TO), 22, f"{NAME}: the sg_table is mapped already")
    for start, size in ((BASE - PAGE, PAGE), (BASE + (64 << 20) - PAGE, 2 * PAGE), (BASE - PAGE, 2 * PAGE)):
        bar = SgTable.of([(BASE, PAGE), (start, size)])
        refused(
            lambda bar=bar: dma_map_sgtable(device, bar, TO),
            121,
            f"{NAME}: peer-to-peer DMA to memory that is not DRAM",
        )


def test_without_a_dma_mask_everything_fails_with_one_warning_each(board):
    device, sgt = board.device(), board.table(1)
    device.dma_mask = None
    for _ in range(2):
        refused(lambda: dma_map_sgtable(device, sgt, TO), 5, f"{NAME} has no dma_mask")
        assert dma_map_single(device, BASE, PAGE, TO) == DMA_MAPPING_ERROR
        assert dma_map_resource(device, 0x1000, PAGE, TO) == DMA_MAPPING_ERROR
    assert board.kernel.log.warnings == [
        f"{TITLE}: dma_map_sgtable of a device without a dma_mask",
        f"{TITLE}: dma_map_single of a device without a dma_mask",
        f"{TITLE}: dma_map_resource of a device without a dma_mask",
    ]
    refused(lambda: dma_set_mask(device, 32), 5, f"{NAME}: a 32-bit DMA mask is not supported")


def test_unmapping_twice_does_nothing(board):
    device, sgt = board.device(), board.table(1)
    dma_map_sgtable(device, sgt, TO)
    dma_unmap_sgtable(device, sgt, TO)
    dma_unmap_sgtable(device, sgt, TO)
    assert sgt.nents == 0


def test_resources_are_not_moved_and_are_not_ram(tmp_path):
    windows = "  dma-ranges: [[0x0, 0x80000000, 64M]]\n"
    board = DmaBoard(tmp_path, bus=windows)
    device = board.device()
    assert dma_map_resource(device, 0x3000, 0x100, BOTH) == 0x3000
    dma_unmap_resource(device, 0x3000, 0x100, BOTH)
    assert dma_map_resource(device, BASE, 0x100, BOTH) == DMA_MAPPING_ERROR
    assert dma_map_resource(device, 0x3000_0000, 0x100, BOTH) == DMA_MAPPING_ERROR
    assert board.kernel.log.warnings == [
        f"{TITLE}: dma_map_resource of RAM at 0x80000000",
        f"{TITLE}: DMA addr 0x0000000030000000+256 overflow (mask 3ffffff, bus limit 3ffffff).",
    ]
    board.close()


# --- masks and limits ------------------------------------------------------


@pytest.mark.parametrize("bits", [32, 33, 40, 64])
def test_wide_masks_are_supported(board, bits):
    device = board.device()
    dma_set_mask_and_coherent(device, bits)
    assert (device.dma_mask, device.coherent_dma_mask) == (bits, bits)


def test_a_mask_that_misses_the_dma_zone_is_not(board):
    device = board.device()
    refused(lambda: dma_set_mask(device, 31), 5, f"{NAME}: a 31-bit DMA mask is not supported")
    refused(lambda: dma_set_mask_and_coherent(device, 31), 5, f"{NAME}: a 31-bit DMA mask is not supported")
    refused(
        lambda: dma_set_coherent_mask(device, 24), 5, f"{NAME}: a 24-bit coherent DMA mask is not supported"
    )
    assert (device.dma_mask, device.coherent_dma_mask) == (32, 32)


def test_a_narrow_mask_is_supported_where_it_reaches_all_memory(tmp_path):
    board = DmaBoard(tmp_path, bus="  dma-ranges: [[0x0, 0x80000000, 64M]]\n")
    device = board.device()
    dma_set_mask(device, 26)
    assert device.dma_mask == 26
    refused(lambda: dma_set_mask(device, 25), 5, f"{NAME}: a 25-bit DMA mask is not supported")
    board.close()


def test_what_a_device_can_do_with_memory_it_reaches_in_part(tmp_path):
    board = DmaBoard(tmp_path, memory=TWO_BANKS)
    device = board.device()
    assert (dma_get_required_mask(device), dma_addressing_limited(device)) == (33, True)
    assert dma_max_mapping_size(device) == 256 << 10
    dma_set_mask(device, 33)
    assert (dma_addressing_limited(device), dma_max_mapping_size(device)) == (False, (1 << 64) - 1)
    assert dma_map_single(device, 0x1_0000_0000, PAGE, TO) == 0x1_0000_0000
    board.close()


def test_defaults_and_segment_limits(board):
    device = board.device()
    assert (device.dma_mask, device.coherent_dma_mask) == (32, 32)
    assert (device.max_segment_size, device.segment_boundary) == (65536, 0xFFFF_FFFF)
    dma_set_max_seg_size(device, 0xFFFF_FFFF)
    dma_set_seg_boundary(device, 0xFFFF)
    assert (device.max_segment_size, device.segment_boundary) == (0xFFFF_FFFF, 0xFFFF)
    assert (dma_get_required_mask(device), dma_addressing_limited(device)) == (32, False)


# --- dma-ranges ------------------------------------------------------------


def test_windows_move_addresses_and_limit_masks(tmp_path):
    board = DmaBoard(tmp_path, bus="  dma-ranges: [[0x10000000, 0x80000000, 32M]]\n")
    device, sgt = board.device(), board.table(1, 2)
    assert (device.bus_dma_limit, device.dma_mask, device.coherent_dma_mask) == (0x11FF_FFFF, 29, 29)
    dma_map_sgtable(device, sgt, TO)
    assert (sgt.dma_address + 0x7000_0000).tolist() == sgt.starts.tolist()
    assert dma_map_single(device, BASE + 0x123, 300, FROM) == 0x1000_0123
    dma_unmap_single(device, 0x1000_0123, 300, FROM)
    assert board.log() == []
    board.close()


def test_memory_in_no_window_bounces(tmp_path):
    board = DmaBoard(tmp_path, bus="  dma-ranges: [[0x10000000, 0x80000000, 32M]]\n")
    device, pool = board.device(), board.kernel.swiotlb
    assert pool.base >= BASE and pool.base + pool.size <= BASE + (32 << 20), (
        "the pool lies where all reach it"
    )
    outside = BASE + (48 << 20)
    board.fill(outside, b"outside")
    sgt = SgTable.of([(outside, PAGE)])
    dma_map_sgtable(device, sgt, BOTH)
    (bounce,) = sgt.bounces
    assert sgt.dma_address[0] == bounce.address - 0x7000_0000
    board.engine_writes(bounce.address, b"inside!")
    dma_unmap_sgtable(device, sgt, BOTH)
    assert board.seen(outside, 7) == b"inside!"
    board.close()


def test_a_driver_may_widen_the_mask_but_not_the_bus(tmp_path):
    board = DmaBoard(tmp_path, bus="  dma-ranges: [[0x0, 0x80000000, 32M]]\n", bootargs="swiotlb=noforce")
    device = board.device()
    dma_set_mask(device, 64)
    assert (device.dma_mask, device.bus_dma_limit) == (64, 0x1FF_FFFF)
    assert dma_map_single(device, BASE + (32 << 20) - PAGE, 2 * PAGE, TO) == DMA_MAPPING_ERROR
    assert board.kernel.log.warnings == [
        f"{TITLE}: DMA addr 0x0000000001fff000+8192 overflow (mask ffffffffffffffff, bus limit 1ffffff)."
    ]
    assert dma_addressing_limited(device)
    board.close()


def test_several_windows_and_buses(tmp_path):
    inner = (
        INNER
        + "    dma-ranges: [[0x0, 0x40000000, 16M], [0x10000000, 0x48000000, 16M]]\n  "
        + ENGINE.format(more="")
    )
    board = DmaBoard(
        tmp_path, inner, bus="  dma-ranges: [[0x40000000, 0x80000000, 256M]]\n", memory="[[0x80000000, 256M]]"
    )
    device = board.device()
    assert [(w.bus, w.physical, w.size) for w in device.dma_windows.windows] == [
        (0x0, BASE, 16 << 20),
        (0x1000_0000, BASE + 0x800_0000, 16 << 20),
    ]
    assert device.bus_dma_limit == 0x10FF_FFFF
    assert dma_map_single(device, BASE + 0x800_1000, PAGE, TO) == 0x1000_1000
    board.close()


@pytest.mark.parametrize(
    ("outer", "inner", "windows"),
    [
        ("", "", None),
        ("  dma-ranges: true\n", "    dma-ranges: true\n", None),
        ("  dma-ranges: [[0x0, 0x80000000, 64M]]\n", "    dma-ranges: true\n", (0, BASE)),
        ("  dma-ranges: [[0x0, 0x80000000, 64M]]\n", "", (0, BASE)),
        ("", "    dma-ranges: [[0x0, 0x80000000, 64M]]\n", (0, BASE)),
    ],
)
def test_empty_and_missing_properties_between_the_levels(tmp_path, outer, inner, windows):
    """Empty is 1:1, and the device's own bus may have none at all."""
    board = DmaBoard(tmp_path, INNER + inner + "  " + ENGINE.format(more=""), bus=outer)
    found = board.device().dma_windows
    assert (found and (found.windows[0].bus, found.windows[0].physical)) == windows
    assert board.log() == []
    board.close()


def test_windows_that_lead_nowhere(tmp_path):
    bus = INNER + "    dma-ranges: [[0x0, 0x90000000, 16M]]\n  " + ENGINE.format(more="")
    board = DmaBoard(tmp_path, bus, bus="  dma-ranges: [[0x40000000, 0x80000000, 64M]]\n")
    device, phys = board.device(), board.pages(1)
    assert device.dma_windows is None and device.bus_dma_limit is None
    assert dma_map_single(device, phys, PAGE, TO) == phys
    assert board.log() == [
        "translation of DMA address(0) to CPU address failed node(/soc/inner)",
        f"platform {NAME}: no row of dma-ranges of /soc/inner leads to a CPU address; "
        "physical addresses are used",
    ]
    board.close()


# --- what every device reaches ---------------------------------------------


@pytest.mark.parametrize(
    ("memory", "bus", "limit"),
    [
        ("[[0x80000000, 64M]]", "", 0x8400_0000),
        (TWO_BANKS, "", 1 << 32),
        ("[[0x100000000, 64M]]", "", 0x1_0400_0000),
        ("[[0x80000000, 64M]]", "  dma-ranges: [[0x0, 0x80000000, 32M]]\n", 0x8200_0000),
        (TWO_BANKS, "  dma-ranges: [[0x0, 0x10000000, 32M]]\n", 1 << 32),
    ],
)
def test_the_dma_zone_ends_at_the_narrowest_window(tmp_path, memory, bus, limit):
    board = DmaBoard(tmp_path, memory=memory, bus=bus)
    assert board.kernel.zone_dma_limit == limit
    board.close()
