"""Single calls that no driver should make: what the checks say of them, and what they give."""

from __future__ import annotations

import numpy as np
import pytest

from soc.address import PhysAddr
from soc.kernel.dma import (
    DMA_MAPPING_ERROR,
    dma_alloc_coherent,
    dma_alloc_noncontiguous,
    dma_map_resource,
    dma_map_sg,
    dma_map_single,
    dma_mapping_error,
    dma_sync_sg_for_cpu,
    dma_sync_single_for_cpu,
    dma_sync_single_for_device,
    dma_unmap_sg,
    dma_unmap_single,
)
from soc.kernel.mm.vmap import KernelMapping
from tests.kernel.dma_bench import BOTH, FROM, NONE, PAGE, TO, DmaBoard
from tests.kernel.rehearsal import Rehearsal

STREAM = "    iommus: [[*smmu, 0x12]]\n"
UART = PhysAddr(0x3086_0000)


@pytest.fixture(params=["IOMMU", "direct"])
def board(request, tmp_path):
    board = Rehearsal(tmp_path, lambda text: text if request.param == "IOMMU" else text.replace(STREAM, ""))
    board.kernel.views.write("/sys/kernel/debug/dma-api/all_errors", "1")
    yield board
    board.close()


def said(board: Rehearsal) -> list[str]:
    """What the checks complained of, without `DMA-API: <driver> <device>: `."""
    return [text.split(": ", 2)[2] for text in board.kernel.log.warnings if text.startswith("DMA-API")]


@pytest.mark.parametrize("size", [64, 8 << 30])
def test_a_single_mapping_of_what_is_no_memory_fails(board, size):
    device, end = board.device("dma"), board.machine.dram.banks[-1].end
    for place in (UART, PhysAddr(end), PhysAddr(end - 32), PhysAddr(1 << 63)):
        assert dma_map_single(device, place, size, BOTH) == DMA_MAPPING_ERROR
    areas = [f"[addr={place:#018x}] [len={size}]" for place in (UART, end, end - 32, 1 << 63)]
    assert said(board) == [f"device driver maps memory from invalid area {area}" for area in areas]
    assert dma_map_single(device, board.kernel.memory.alloc_pages(1), 64, BOTH) != DMA_MAPPING_ERROR


def test_registers_are_mapped_as_a_resource(board):
    device = board.device("dma")
    assert not dma_mapping_error(device, dma_map_resource(device, UART, 64, BOTH))
    assert dma_map_resource(device, PhysAddr(1 << 63), 64, BOTH) == DMA_MAPPING_ERROR
    assert dma_map_resource(device, UART, 1 << 40, BOTH) == DMA_MAPPING_ERROR
    assert said(board) == []


@pytest.mark.parametrize("size", [64, 0, -1, 1 << 33, (1 << 64) - 1])
def test_a_sync_or_unmap_of_nothing_does_nothing(board, size):
    device = board.device("dma")
    for address in (0, 0x5000, 0xBFFF_FFFF, 1 << 40, DMA_MAPPING_ERROR - 1):
        for call in (dma_sync_single_for_cpu, dma_sync_single_for_device, dma_unmap_single):
            call(device, address, size, FROM)
    texts = said(board)
    assert len(texts) == 15
    assert {text.split(" [")[0] for text in texts} == {
        "device driver tries to sync DMA memory it has not allocated",
        "device driver tries to free DMA memory it has not allocated",
    }


def test_a_sync_past_the_end_of_memory(board):
    device, last = board.device("dma"), PhysAddr(board.machine.dram.banks[-1].end - PAGE)
    address = dma_map_single(device, last, PAGE, FROM)
    dma_mapping_error(device, address)
    dma_sync_single_for_cpu(device, address, 2 * PAGE, FROM)
    assert "device driver syncs DMA memory outside allocated range" in said(board)[-1]


def test_a_vmalloc_address_is_refused_once_with_a_warning(board):
    device, page = board.device("dma"), board.kernel.memory.alloc_pages(1)
    mapping = KernelMapping(board.kernel, np.array([page >> 12]), "driver")
    for _ in range(2):
        assert dma_map_single(device, mapping, 64, TO) == DMA_MAPPING_ERROR
    assert board.kernel.log.warnings == [f"{device.title}: rejecting DMA map of vmalloc memory"]


def test_an_entry_count_that_is_not_that_of_the_cpu_side(board):
    device, sgt = board.device("dma"), board.buffer(1, 2)
    dma_map_sg(device, sgt, BOTH)
    dma_sync_sg_for_cpu(device, sgt, BOTH, sgt.orig_nents)
    assert said(board) == []
    dma_sync_sg_for_cpu(device, sgt, BOTH, 1)
    dma_unmap_sg(device, sgt, BOTH, 1)
    assert said(board) == [
        "device driver syncs DMA sg list with different entry count [map count=2] [sync count=1]",
        "device driver frees DMA sg list with different entry count [map count=2] [unmap count=1]",
    ]


@pytest.mark.parametrize("size", [0, (1 << 32) + 1])
def test_coherent_memory_of_no_size_or_beyond_the_mask(board, size):
    device = board.device("dma")
    assert dma_alloc_coherent(device, size) is None
    assert said(board) == [
        "device driver allocates coherent memory of unsupported size"
        f" [size={size} bytes] [mask=0x00000000ffffffff]"
    ]


def test_non_contiguous_memory_without_a_direction(board):
    free = board.kernel.memory.pages.free_frames
    assert dma_alloc_noncontiguous(board.device("dma"), PAGE, NONE) is None
    assert board.kernel.memory.pages.free_frames == free


def test_a_bounce_outside_dram_is_refused(tmp_path):
    board = DmaBoard(tmp_path, bootargs="swiotlb=1024,force")
    assert dma_map_single(board.device(), PhysAddr(0x1000), 64, TO) == DMA_MAPPING_ERROR
    assert (board.kernel.swiotlb.slots.used, board.kernel.swiotlb.copies) == (0, 0)
    board.close()
