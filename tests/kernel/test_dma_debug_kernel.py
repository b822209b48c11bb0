"""The checks behind the DMA API of a booted kernel, with an IOMMU."""

from __future__ import annotations

import pytest

from soc.kernel.dma import dma_map_sgtable, dma_unmap_sgtable
from soc.kernel.dma.debug import DmaDebug
from tests.kernel.dma_debug_bench import FROM, OVERLAP, TO
from tests.kernel.rehearsal import Rehearsal


@pytest.fixture
def board():
    board = Rehearsal()
    board.kernel.dma_debug = DmaDebug(board.kernel)
    yield board
    board.close()


def test_a_buffer_from_camera_to_display_is_right(board):
    camera, display, sgt = board.device("camera"), board.device("lcdif"), board.buffer(3, 1, 2)
    shown = sgt.copy()
    for _ in range(3):
        dma_map_sgtable(camera, sgt, FROM)
        dma_map_sgtable(display, shown, TO)
        dma_unmap_sgtable(camera, sgt, FROM)
        dma_unmap_sgtable(display, shown, TO)
    assert board.kernel.log.warnings == []


def test_a_second_unmap_is_told_with_its_address(board):
    camera, sgt = board.device("camera"), board.buffer(3, 1, 2)
    dma_map_sgtable(camera, sgt, FROM)
    address = int(sgt.dma_address[0])
    dma_unmap_sgtable(camera, sgt, FROM)
    dma_unmap_sgtable(camera, sgt, FROM)
    assert board.kernel.log.warnings == [
        f"DMA-API: {camera.driver.name} {camera.name}: device driver tries to free DMA memory it has not"
        f" allocated [device address={address:#018x}] [size=24576 bytes]"
    ]


def test_two_devices_that_write_one_buffer(board):
    camera, display, sgt = board.device("camera"), board.device("lcdif"), board.buffer(2, 1)
    dma_map_sgtable(camera, sgt, FROM)
    dma_map_sgtable(display, sgt.copy(), FROM, what="frame 7")
    assert board.kernel.log.warnings == [f"DMA-API: {display.driver.name} {display.name}: {OVERLAP}"]
    mapped_at = f"DMA-API: Mapped at: {board.kernel.clock.now / 1e9:.6f} s, frame 7"
    assert board.kernel.log.entries[-1].text == mapped_at
