"""The DMA API behind an IOMMU: segments, errno, and permissions enforced by the SMMU of the board."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from soc.address import Iova
from soc.iommu.port import DmaAbort
from soc.kernel.dma import (
    DMA_MAPPING_ERROR,
    DmaAttrs,
    dma_addressing_limited,
    dma_get_required_mask,
    dma_map_resource,
    dma_map_sgtable,
    dma_map_single,
    dma_max_mapping_size,
    dma_set_mask,
    dma_set_max_seg_size,
    dma_set_seg_boundary,
    dma_unmap_resource,
    dma_unmap_sgtable,
    dma_unmap_single,
)
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection, SgTable
from tests.kernel.rehearsal import CAMERA, DISPLAY, PAGE, Rehearsal, pattern

TO, FROM, BOTH, NONE = (
    DmaDirection.TO_DEVICE,
    DmaDirection.FROM_DEVICE,
    DmaDirection.BIDIRECTIONAL,
    DmaDirection.NONE,
)


@pytest.fixture
def board():
    board = Rehearsal()
    yield board
    board.close()


def refused(errno: int, why: str, *arguments: Any) -> None:
    with pytest.raises(KernelError) as caught:
        dma_map_sgtable(*arguments)
    assert (caught.value.errno, caught.value.why) == (errno, why)


# --- behind the IOMMU -------------------------------------------------------


def test_scattered_memory_is_one_segment_for_a_device_without_limits(board):
    device, sgt = board.device("camera"), board.buffer(3, 1, 2)
    dma_map_sgtable(device, sgt, BOTH)
    assert (sgt.orig_nents, sgt.nents, sgt.dma_length.tolist()) == (3, 1, [6 * PAGE])
    data = pattern(sgt.size)
    span = board.port(CAMERA).write(Iova(int(sgt.dma_address[0])), data)
    assert span.frames.tolist() == sgt.frames().tolist()
    parts = [board.machine.dram.view(a, n).tobytes() for a, n in zip(sgt.starts, sgt.lengths, strict=True)]
    assert b"".join(parts) == data.tobytes()


@pytest.mark.parametrize(
    ("direction", "reads", "writes"), [(TO, True, False), (FROM, True, True), (BOTH, True, True)]
)
def test_the_direction_is_the_permission(board, direction, reads, writes):
    """Stage 1 has no write-only pages, so FROM_DEVICE can be read too."""
    sgt, port = board.buffer(2), board.port(DISPLAY)
    dma_map_sgtable(board.device("lcdif"), sgt, direction, what="frame-0")
    iova = Iova(int(sgt.dma_address[0]))
    assert reads
    port.read(iova, sgt.size)
    if writes:
        port.write(iova, pattern(sgt.size))
        return
    with pytest.raises(DmaAbort) as caught:
        port.write(iova, pattern(sgt.size))
    assert str(caught.value) == f"stream 0x10: write at iova {iova:#x} aborted: F_PERMISSION"
    assert not board.machine.dram.view(sgt.starts[0], sgt.size).any()


def test_past_the_end_and_after_unmap_the_device_faults(board):
    sgt, port, device = board.buffer(1, 2), board.port(DISPLAY), board.device("lcdif")
    dma_map_sgtable(device, sgt, TO, what="frame-0")
    iova = Iova(int(sgt.dma_address[0]))
    port.read(iova, 3 * PAGE)
    with pytest.raises(DmaAbort, match="F_TRANSLATION") as caught:
        port.read(iova, 3 * PAGE + 1)
    assert caught.value.iova == iova + 3 * PAGE
    dma_unmap_sgtable(device, sgt, TO)
    assert sgt.nents == 0
    with pytest.raises(DmaAbort, match="F_TRANSLATION"):
        port.read(iova, 1)
    board.interrupts()
    assert board.log()[-1] == (
        f"arm-smmu-v3 2b400000.iommu: F_TRANSLATION: stream 0x10 read at iova {iova:#x}; last owner: "
        f"32e00000.lcdif's mapping of frame-0 at {iova:#x}..{iova + 3 * PAGE - 1:#x}, unmapped at 0.000000 s"
    )


def test_a_large_range_is_forgotten_too(board):
    """More pages than are invalidated one by one."""
    sgt, port, device = board.buffer(64), board.port(DISPLAY), board.device("lcdif")
    dma_map_sgtable(device, sgt, TO)
    iova = Iova(int(sgt.dma_address[0]))
    port.read(iova, sgt.size)
    dma_unmap_sgtable(device, sgt, TO)
    for page in range(64):
        with pytest.raises(DmaAbort, match="F_TRANSLATION"):
            port.read(Iova(iova + page * PAGE), 1)


def test_an_address_may_be_used_again_after_unmap(board):
    device, port = board.device("lcdif"), board.port(DISPLAY)
    one, two = board.buffer(1), board.buffer(1)
    dma_map_sgtable(device, one, TO)
    iova = Iova(int(one.dma_address[0]))
    port.read(iova, 4)
    dma_unmap_sgtable(device, one, TO)
    dma_map_sgtable(device, two, TO)
    assert two.dma_address.tolist() == [iova]
    assert port.read(iova, 4)[0].address == two.starts[0]


# --- errno ------------------------------------------------------------------


def test_what_cannot_be_mapped_at_all(board):
    device, sgt = board.device("lcdif"), board.buffer(1)
    name = "32e00000.lcdif"
    refused(22, f"{name}: nothing to map or no direction", device, sgt, NONE)
    refused(22, f"{name}: nothing to map or no direction", device, SgTable.of([]), TO)
    refused(22, f"{name}: nothing to map or no direction", device, SgTable.of([(0x8800_0000, 0)]), TO)
    dma_map_sgtable(device, sgt, TO)
    refused(22, f"{name}: the sg_table is mapped already", device, sgt, TO)


def test_without_iova_space_or_tables_nothing_is_taken(board, monkeypatch):
    device, domain = board.device("lcdif"), board.device("lcdif").iommu_domain
    device.dma_mask = 14
    sgt = board.buffer(4)
    refused(12, "no IOVA space left for 16384 bytes", device, sgt, TO)
    device.dma_mask = 32

    def no_pages(count: int) -> int:
        raise KernelError(12, f"no {count} contiguous free pages")

    with monkeypatch.context() as patch:
        patch.setattr(board.kernel.memory, "alloc_pages", no_pages)
        refused(12, "no 1 contiguous free pages", device, sgt, TO)
    assert (sgt.nents, domain.live_mappings) == (0, [])
    dma_map_sgtable(device, sgt, TO)
    assert sgt.dma_address.tolist() == [0xFFFF_C000]


def test_the_device_mask_limits_the_iova(board):
    device, sgt = board.device("lcdif"), board.buffer(2)
    device.dma_mask = 24
    dma_map_sgtable(device, sgt, TO)
    assert sgt.dma_address.tolist() == [(1 << 24) - 2 * PAGE]


# --- segments, parts of pages, and what else there is ---------------------------


@pytest.mark.parametrize(
    ("longest", "boundary", "lengths"),
    [
        (64 << 10, 0xFFFF_FFFF, [64 << 10, 56 << 10]),
        (0xFFFF_FFFF, 0xFFFF_FFFF, [120 << 10]),
        (0xFFFF_FFFF, 0xFFFF, [64 << 10, 56 << 10]),
        (PAGE, 0xFFFF_FFFF, [PAGE] * 30),
    ],
)
def test_only_both_limits_together_make_one_segment(board, longest, boundary, lengths):
    device, sgt = board.device("lcdif"), board.buffer(*[1] * 30)
    dma_set_max_seg_size(device, longest)
    dma_set_seg_boundary(device, boundary)
    dma_map_sgtable(device, sgt, TO)
    assert sgt.dma_length.tolist() == lengths
    assert np.diff(sgt.dma_address).tolist() == lengths[:-1]


def test_a_scattered_buffer_is_split_for_a_device_with_default_limits(board):
    device, sgt = board.device("lcdif"), board.buffer(*[1] * 20)
    device.max_segment_size = 64 << 10
    dma_map_sgtable(device, sgt, TO)
    assert sgt.dma_length.tolist() == [64 << 10, 16 << 10]


def test_a_single_mapping_inside_a_page_maps_the_page_and_keeps_the_offset(board):
    device, port, phys = board.device("lcdif"), board.port(DISPLAY), board.kernel.memory.alloc_pages(2)
    iova = dma_map_single(device, phys + 0xE00, 0x400, BOTH, what="a header")
    assert iova & 0xFFF == 0xE00
    (mapping,) = device.iommu_domain.live_mappings
    assert (mapping.start, mapping.end - mapping.start, mapping.what) == (iova - 0xE00, 2 * PAGE, "a header")
    assert port.read(Iova(iova), 0x400)[0].address == phys + 0xE00
    port.read(Iova(iova - 0xE00), 2 * PAGE)
    with pytest.raises(DmaAbort, match="F_TRANSLATION"):
        port.read(Iova(iova + 0x1200), 1)
    dma_unmap_single(device, iova, 0x400, BOTH)
    assert device.iommu_domain.live_mappings == []


def test_entries_inside_pages_keep_their_offsets(board):
    device, phys = board.device("lcdif"), board.kernel.memory.alloc_pages(4)
    sgt = SgTable.of([(phys + 0x100, 0xF00), (phys + PAGE, PAGE), (phys + 3 * PAGE, 0x10)])
    dma_map_sgtable(device, sgt, TO)
    first = int(sgt.dma_address[0])
    assert first & 0xFFF == 0x100 and sgt.dma_length.tolist() == [0xF00 + PAGE + 0x10]
    port = board.port(DISPLAY)
    for offset, expected in ((0, phys + 0x100), (0xF00, phys + PAGE), (0xF00 + PAGE, phys + 3 * PAGE)):
        assert port.read(Iova(first + offset), 0x10)[0].address == expected
    dma_unmap_sgtable(device, sgt, TO)


def test_small_buffers_of_a_non_coherent_device_bounce_one_by_one(board):
    """The bounce fills its page, so that the device does not reach what lies around the buffer."""
    device, pool = board.device("lcdif"), board.kernel.swiotlb
    device.dma_coherent = False
    phys = board.kernel.memory.alloc_pages(1)
    sgt = SgTable.of([(phys, PAGE), (phys + 0x20, 0x20)])
    dma_map_sgtable(device, sgt, FROM)
    (bounce,) = sgt.bounces
    span, _ = board.port(DISPLAY).read(Iova(int(sgt.dma_address[1])), 0x20)
    assert span.address == bounce.address and pool.slots.used == 2
    assert sgt.dma_length.tolist() == [PAGE, 0x20]
    dma_unmap_sgtable(device, sgt, FROM)
    assert (sgt.bounce_copies, pool.slots.used, device.iommu_domain.live_mappings) == (2, 0, [])
    address = dma_map_single(device, phys + 0x20, 0x20, FROM)
    assert pool.slots.used == 2
    dma_unmap_single(device, address, 0x20, FROM)
    assert (pool.copies, pool.bytes, pool.slots.used) == (4, 4 * 0x20, 0)


def test_without_a_pool_they_fail_and_nothing_stays_mapped(board):
    device = board.device("lcdif")
    device.dma_coherent = False
    board.kernel.swiotlb = None
    phys = board.kernel.memory.alloc_pages(1)
    sgt = SgTable.of([(phys, PAGE), (phys + 0x20, 0x20)])
    why = f"32e00000.lcdif: 32 bytes at {phys + 0x20:#x} could not be mapped"
    refused(5, why, device, sgt, FROM)
    assert dma_map_single(device, phys + 0x20, 0x20, FROM) == DMA_MAPPING_ERROR
    assert device.iommu_domain.live_mappings == []
    assert board.kernel.log.warnings == [
        "mxsfb 32e00000.lcdif: DMA bounce buffers are inactive, unable to map unaligned transaction."
    ]


def test_force_does_not_bounce_what_an_iommu_maps(tmp_path):
    bootargs = "  stdout-path: serial0:115200n8\n  bootargs: swiotlb=force\n"
    board = Rehearsal(tmp_path, lambda text: text.replace("  stdout-path: serial0:115200n8\n", bootargs))
    sgt = board.buffer(2)
    dma_map_sgtable(board.device("lcdif"), sgt, TO)
    assert board.kernel.swiotlb.force and sgt.bounce_copies == 0 and board.kernel.swiotlb.copies == 0
    board.close()


def test_limits_of_a_device_behind_an_iommu(board):
    device = board.device("lcdif")
    dma_set_mask(device, 20)
    assert device.dma_mask == 20
    assert dma_get_required_mask(device) == 32
    assert dma_addressing_limited(device)
    assert dma_max_mapping_size(device) == (1 << 64) - 1


def test_a_bus_limit_is_an_iova_limit_and_moves_nothing(tmp_path):
    ranges = "  ranges: true                        # bus addresses are CPU addresses\n"
    windows = "  dma-ranges: [[0x10000000, 0x80000000, 0x20000000]]\n"
    board = Rehearsal(tmp_path, lambda text: text.replace(ranges, ranges + windows))
    device, sgt = board.device("lcdif"), board.buffer(1)
    dma_map_sgtable(device, sgt, TO)
    assert device.bus_dma_limit == 0x2FFF_FFFF
    assert sgt.dma_address.tolist() == [0x2000_0000 - PAGE], "the limit, rounded down to a power of two"
    board.close()


def test_resources_are_mapped_too(board):
    device, domain = board.device("lcdif"), board.device("lcdif").iommu_domain
    iova = dma_map_resource(device, 0x3086_0018, 4, BOTH, what="the UART's FIFO")
    assert iova & 0xFFF == 0x18
    (mapping,) = domain.live_mappings
    assert (mapping.end - mapping.start, mapping.what) == (PAGE, "the UART's FIFO")
    dma_unmap_resource(device, iova, 4, BOTH)
    assert domain.live_mappings == []
    device.dma_mask = 11
    assert dma_map_resource(device, 0x3086_0018, 4, BOTH) == DMA_MAPPING_ERROR
    assert dma_map_single(device, board.kernel.memory.alloc_pages(1), PAGE, TO) == DMA_MAPPING_ERROR


def test_unmapping_where_no_mapping_begins_is_a_warning(board):
    device, domain = board.device("lcdif"), board.device("lcdif").iommu_domain
    iova = dma_map_single(device, board.kernel.memory.alloc_pages(2), 2 * PAGE, TO)
    dma_unmap_single(device, iova + PAGE, PAGE, TO)
    assert len(domain.live_mappings) == 1
    assert board.kernel.log.warnings[-1] == (
        f"mxsfb 32e00000.lcdif: unmap of iova {iova + PAGE:#x}: no mapping begins there"
    )


def test_privileged_mappings_refuse_unprivileged_accesses(board):
    device, phys = board.device("lcdif"), board.kernel.memory.alloc_pages(1)
    iova = dma_map_single(device, phys, PAGE, BOTH, attrs=DmaAttrs.PRIVILEGED)
    with pytest.raises(DmaAbort, match="F_PERMISSION"):
        board.port(DISPLAY).read(Iova(iova), 4)


def test_without_a_mask_or_outside_dram_nothing_is_mapped(board):
    device, sgt = board.device("lcdif"), board.buffer(1)
    uart = SgTable.of([(0x3086_0000, PAGE)])
    refused(121, "32e00000.lcdif: peer-to-peer DMA to memory that is not DRAM", device, uart, TO)
    device.dma_mask = None
    refused(5, "32e00000.lcdif has no dma_mask", device, sgt, TO)
    assert device.iommu_domain.live_mappings == []
