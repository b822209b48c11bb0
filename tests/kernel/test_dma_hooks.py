"""What the DMA API reports to the checks: every call, and a correct driver has no complaint."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from soc.kernel.dma import (
    DMA_MAPPING_ERROR,
    DmaAttrs,
    dma_alloc_coherent,
    dma_alloc_noncontiguous,
    dma_free_coherent,
    dma_free_noncontiguous,
    dma_map_page,
    dma_map_resource,
    dma_map_sg,
    dma_map_sgtable,
    dma_map_single,
    dma_mapping_error,
    dma_sync_sg_for_cpu,
    dma_sync_sg_for_device,
    dma_sync_single_for_cpu,
    dma_sync_single_for_device,
    dma_sync_single_range_for_cpu,
    dma_unmap_page,
    dma_unmap_resource,
    dma_unmap_sg,
    dma_unmap_sgtable,
    dma_unmap_single,
)
from soc.kernel.dma.debug import DmaDebug
from soc.kernel.errors import KernelError
from tests.kernel.dma_bench import BOTH, FROM, PAGE, TO, DmaBoard


class Recorder:
    """Stands for the checks and keeps (hook, arguments after the device, keywords)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[object, ...], dict[str, object]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda device, *args, **more: self.calls.append((name, args, more))

    def take(self) -> list[tuple[object, ...]]:
        calls, self.calls = self.calls, []
        return [(name, *args, *more.values()) for name, args, more in calls]


@pytest.fixture
def board(tmp_path):
    board = DmaBoard(tmp_path)
    yield board
    board.close()


def test_every_call_is_reported(board):
    device, phys, sgt = board.device(), board.pages(1), board.table(1, 2)
    board.kernel.dma_debug = debug = Recorder()
    address = dma_map_single(device, phys, 300, TO, what="a header")
    assert debug.take() == [("map_page", phys, 300, TO, address, "a header", False)]
    dma_mapping_error(device, address)
    assert debug.take() == [("mapping_error", address)]
    dma_sync_single_for_cpu(device, address, 300, TO)
    dma_sync_single_for_device(device, address, 300, TO)
    dma_sync_single_range_for_cpu(device, address, 8, 16, TO)
    assert debug.take() == [
        ("sync_single_for_cpu", address, 300, TO),
        ("sync_single_for_device", address, 300, TO),
        ("sync_single_for_cpu", address + 8, 16, TO),
    ]
    dma_unmap_single(device, address, 300, TO)
    assert debug.take() == [("unmap_page", address, 300, TO)]
    dma_map_page(device, phys >> 12, 8, 300, TO, attrs=DmaAttrs.SKIP_CPU_SYNC)
    dma_unmap_page(device, phys + 8, 300, TO)
    assert debug.take() == [
        ("map_page", phys + 8, 300, TO, phys + 8, "a buffer", True),
        ("unmap_page", phys + 8, 300, TO),
    ]
    dma_map_sgtable(device, sgt, BOTH, what="frame-0", attrs=DmaAttrs.SKIP_CPU_SYNC)
    dma_sync_sg_for_cpu(device, sgt, BOTH)
    dma_sync_sg_for_device(device, sgt, BOTH)
    dma_unmap_sgtable(device, sgt, BOTH)
    dma_map_sg(device, sgt, TO)
    dma_unmap_sg(device, sgt, TO)
    dma_unmap_sg(device, sgt, TO)
    assert debug.take() == [
        ("map_sg", sgt, BOTH, "frame-0", True),
        ("sync_sg_for_cpu", sgt, BOTH, None),
        ("sync_sg_for_device", sgt, BOTH, None),
        ("unmap_sg", sgt, BOTH, None),
        ("map_sg", sgt, TO, "a buffer", False),
        ("unmap_sg", sgt, TO, None),
        ("unmap_sg", sgt, TO, None),
    ]
    dma_map_resource(device, 0x1000, 16, BOTH)
    dma_unmap_resource(device, 0x1000, 16, BOTH)
    assert debug.take() == [
        ("map_resource", 0x1000, 16, BOTH, 0x1000, "a resource"),
        ("unmap_resource", 0x1000, 16, BOTH),
    ]
    memory = dma_alloc_coherent(device, 100, what="a ring")
    dma_free_coherent(device, 90, memory, 7)
    cpu_address = memory.cpu_address
    assert debug.take() == [
        ("coherent_size", 100),
        ("alloc_coherent", 100, memory.dma_address, cpu_address, "a ring"),
        ("free_coherent", 90, 7, cpu_address),
    ]
    table = dma_alloc_noncontiguous(device, PAGE, FROM)
    dma_free_noncontiguous(device, table, FROM)
    assert debug.take() == [
        ("map_sg", table, FROM, "non-contiguous memory"),
        ("unmap_sg", table, FROM),
    ]


def test_an_unmap_is_reported_while_the_table_still_says_what_it_gives_back(board):
    device, sgt = board.device(), board.table(1)
    seen = []

    class Looks(Recorder):
        def unmap_sg(self, device, sgt, direction, nents):
            seen.append(sgt.dma_address.tolist())

    board.kernel.dma_debug = Looks()
    dma_map_sgtable(device, sgt, TO)
    dma_unmap_sgtable(device, sgt, TO)
    assert seen == [sgt.starts.tolist()]


def test_failures_are_reported_as_such_or_not_at_all(board):
    device = board.device()
    device.dma_mask = 31
    board.kernel.swiotlb = None
    board.kernel.dma_debug = debug = Recorder()
    assert dma_map_single(device, board.pages(1), 300, TO) == DMA_MAPPING_ERROR
    assert [(call[0], call[4]) for call in debug.take()] == [("map_page", DMA_MAPPING_ERROR)]
    with pytest.raises(KernelError):
        dma_map_sgtable(device, board.table(1), TO)
    device.coherent_dma_mask = 31
    assert dma_alloc_coherent(device, PAGE) is None
    assert debug.take() == [("coherent_size", PAGE)]


def test_a_correct_driver_has_no_complaint(board):
    device, sgt = board.device(), board.table(3, 1)
    debug = DmaDebug(board.kernel)
    board.kernel.dma_debug = debug
    for direction in (TO, FROM, BOTH):
        address = dma_map_single(device, board.pages(1) + 64, 1000, direction)
        assert not dma_mapping_error(device, address)
        dma_sync_single_for_cpu(device, address, 1000, direction)
        dma_sync_single_for_device(device, address, 1000, direction)
        dma_unmap_single(device, address, 1000, direction)
        dma_map_sgtable(device, sgt, direction)
        dma_sync_sg_for_cpu(device, sgt, direction)
        dma_sync_sg_for_device(device, sgt, direction)
        dma_unmap_sgtable(device, sgt, direction)
        table = dma_alloc_noncontiguous(device, 3 * PAGE, direction)
        dma_sync_sg_for_cpu(device, table, direction)
        dma_free_noncontiguous(device, table, direction)
    memory = dma_alloc_coherent(device, 100)
    memory.write(0, np.ones(100, dtype=np.uint8))
    dma_free_coherent(device, 100, memory, memory.dma_address)
    debug.driver_unbound(device)
    assert board.log() == []


def test_and_one_that_unmaps_twice_has(board):
    device, sgt = board.device(), board.table(1)
    board.kernel.dma_debug = DmaDebug(board.kernel)
    dma_map_sgtable(device, sgt, TO)
    dma_unmap_sgtable(device, sgt, TO)
    dma_unmap_sgtable(device, sgt, TO)
    (warning,) = board.kernel.log.warnings
    assert "device driver tries to free DMA memory it has not allocated" in warning
