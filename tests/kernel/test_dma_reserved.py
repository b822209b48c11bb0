"""Reserved memory that drivers ask for: errno, messages, and who gets what."""

from __future__ import annotations

from typing import ClassVar

import pytest

from soc.kernel.dma import (
    of_reserved_mem_device_init,
    of_reserved_mem_device_init_by_idx,
    of_reserved_mem_device_init_by_name,
    of_reserved_mem_device_release,
)
from soc.kernel.errors import KernelError
from tests.kernel.dma_bench import DmaBoard, EngineDriver

NAME = "1000000.engine"
TITLE = f"engine {NAME}"
REGIONS = (
    "  pool@83000000: &pool {compatible: shared-dma-pool, reg: [[0x83000000, 1M]], no-map: true}\n"
    "  other@83100000: &other {compatible: shared-dma-pool, reg: [[0x83100000, 1M]]}\n"
    "  area@82000000: &area {compatible: shared-dma-pool, reg: [[0x82000000, 4M]], reusable: true}\n"
    "  area2@82400000: &area2 {compatible: shared-dma-pool, reg: [[0x82400000, 4M]], reusable: true}\n"
    "  ion@83200000: &ion {compatible: ion-region, reg: [[0x83200000, 1M]]}\n"
    "  off@83300000: &off {compatible: shared-dma-pool, reg: [[0x83300000, 1M]], status: disabled}\n"
    "  bounce@83400000: &bounce {compatible: restricted-dma-pool, reg: [[0x83400000, 1M]]}\n"
    "  global@83500000: &global {compatible: restricted-dma-pool, reg: [[0x83500000, 1M]],"
    " 'linux,dma-default': true}\n"
    "  odd@83600000: &odd {compatible: [acme,scratch], reg: [[0x83600000, 1M]]}\n"
)
ALL = "[*pool, *other, *area, *area2, *ion, *off, *odd]"
NAMES = "[pool, other, area, area2, ion, 'off', odd]"


@pytest.fixture
def board(tmp_path):
    board = DmaBoard(tmp_path, more=f", memory-region: {ALL}, memory-region-names: {NAMES}", reserved=REGIONS)
    yield board
    board.close()


def errno(call) -> int:
    with pytest.raises(KernelError) as caught:
        call()
    return caught.value.errno


def said(board, text) -> int:
    return sum(entry.text == text for entry in board.kernel.log.entries)


@pytest.mark.parametrize(
    ("index", "attribute", "region"),
    [(0, "coherent_pool", "pool@83000000"), (2, "cma_area", "area@82000000")],
)
def test_the_region_becomes_the_devices(board, index, attribute, region):
    device = board.device()
    of_reserved_mem_device_init_by_idx(device, device.node, index)
    assert getattr(device, attribute) is not None
    assert said(board, f"{TITLE}: assigned reserved memory node {region}") == 1
    of_reserved_mem_device_release(device)
    assert getattr(device, attribute) is None


def test_nobody_gets_a_region_without_asking(board):
    device = board.device()
    assert (device.coherent_pool, device.cma_area, device.restricted_pool) == (None, None, None)


def test_the_first_region_and_regions_by_name(board):
    device = board.device()
    of_reserved_mem_device_init_by_name(device, device.node, "area")
    assert device.cma_area is not None and device.coherent_pool is None
    of_reserved_mem_device_init(device)
    assert device.coherent_pool is not None and device.coherent_pool.base == 0x8300_0000


def test_errno(board):
    device = board.device()
    node = device.node
    assert errno(lambda: of_reserved_mem_device_init_by_idx(device, None, 0)) == 22
    assert errno(lambda: of_reserved_mem_device_init_by_name(device, None, "pool")) == 22
    assert errno(lambda: of_reserved_mem_device_init_by_idx(device, node, 7)) == 19
    assert errno(lambda: of_reserved_mem_device_init_by_idx(device, node, -1)) == 19
    assert errno(lambda: of_reserved_mem_device_init_by_name(device, node, "nobody")) == 19
    for name in ("ion", "odd"):
        assert errno(lambda name=name: of_reserved_mem_device_init_by_name(device, node, name)) == 22
    of_reserved_mem_device_init_by_name(device, node, "off")
    assert device.coherent_pool is None, "a disabled region is no error and no memory"
    assert board.log() == []


def test_a_second_coherent_pool_is_busy_a_second_cma_area_replaces_the_first(board):
    device = board.device()
    of_reserved_mem_device_init_by_idx(device, device.node, 0)
    assert errno(lambda: of_reserved_mem_device_init_by_idx(device, device.node, 1)) == 16
    of_reserved_mem_device_init_by_idx(device, device.node, 2)
    of_reserved_mem_device_init_by_idx(device, device.node, 3)
    assert str(device.cma_area) == "area2@82400000"


def test_a_region_beyond_the_mask_is_told(board):
    device = board.device()
    device.coherent_dma_mask = 31
    of_reserved_mem_device_init(device)
    assert board.kernel.log.warnings == [f"{TITLE}: reserved memory is beyond device's set DMA address range"]
    assert device.coherent_pool is not None


def test_a_device_without_memory_regions(tmp_path):
    board = DmaBoard(tmp_path)
    device = board.device()
    assert errno(lambda: of_reserved_mem_device_init(device)) == 19
    board.close()


class Asks(EngineDriver):
    """Takes its region in probe and fails with what that fails with."""

    seen: ClassVar[list[object]] = []

    def probe(self) -> None:
        of_reserved_mem_device_init(self.device)
        self.seen.append(self.device.coherent_pool)


def test_devices_share_a_pool(tmp_path):
    engine = (
        "  engine@{0}: &{1} {{compatible: [test,engine], reg: [[0x{0}, 0x1000]], memory-region: [*pool]}}\n"
    )
    soc = engine.format("1000000", "engine") + engine.format("2000000", "second")
    Asks.seen.clear()
    board = DmaBoard(tmp_path, soc, reserved=REGIONS, driver=Asks)
    assert len(Asks.seen) == 2 and Asks.seen[0] is Asks.seen[1] is not None
    assert said(board, "engine 2000000.engine: assigned reserved memory node pool@83000000") == 1
    board.close()


# --- restricted-dma-pool ---------------------------------------------------


def test_a_restricted_pool_needs_no_driver(tmp_path):
    board = DmaBoard(tmp_path, more=", memory-region: [*other, *bounce]", reserved=REGIONS)
    device = board.device()
    assert device.restricted_pool is not None and device.restricted_pool.base == 0x8340_0000
    assert said(board, f"platform {NAME}: assigned reserved memory node bounce@83400000") == 1
    assert board.kernel.views.read("/sys/kernel/debug/swiotlb/bounce@83400000/io_tlb_nslabs") == "512\n"
    board.close()


def test_one_that_cannot_be_set_up_is_told(tmp_path):
    board = DmaBoard(tmp_path, more=", memory-region: [*global]", reserved=REGIONS)
    device = board.device()
    assert device.restricted_pool is None
    assert board.kernel.log.warnings == [
        f'platform {NAME}: failed to initialise "restricted-dma-pool" memory node'
    ]
    assert errno(lambda: of_reserved_mem_device_init(device)) == 22
    board.close()
