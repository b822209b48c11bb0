"""What a map, an allocation and a driver that leaves may be told, and the silent twin of each."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from soc.address import PhysAddr
from soc.kernel.dma.debug.areas import Areas
from soc.memory.dram import Bank, Dram
from soc.memory.pages import PageAllocator
from tests.kernel.dma_debug_bench import BOTH, IOVA, NO_MAP, PAGE, TO, Bench


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


@pytest.mark.parametrize("phys", [0x1000_0000, 0x8400_0000 - 64, NO_MAP, NO_MAP - 64, NO_MAP + (1 << 20) - 1])
def test_single_mapping_of_an_invalid_area(bench, phys):
    bench.all_pages()
    bench.debug.map_page(bench.camera, phys, 128, TO, IOVA)
    assert bench.said() == [f"device driver maps memory from invalid area [addr={phys:#018x}] [len=128]"]


@pytest.mark.parametrize("phys", [0x8000_0000, NO_MAP - 128, NO_MAP + (1 << 20)])
def test_single_mapping_of_kernel_memory(bench, phys):
    bench.all_pages()
    bench.debug.map_page(bench.camera, phys, 128, TO, IOVA)
    assert bench.said() == []


def test_list_with_an_entry_outside_dram(bench):
    sgt = bench.scattered(3)
    sgt.starts[1] = 0x8400_0000
    bench.debug.map_sg(bench.camera, sgt, BOTH)
    assert bench.said() == [
        "device driver maps memory from invalid area [addr=0x0000000084000000] [len=4096]"
    ]


def test_list_of_a_no_map_region_is_a_carveout(bench):
    sgt = bench.contiguous(1)
    sgt.starts[0] = NO_MAP
    bench.debug.map_sg(bench.camera, sgt, BOTH)
    assert bench.said() == []


@pytest.mark.parametrize("order", range(11))
def test_memory_that_was_freed(bench, order):
    phys = bench.pages(1 << order)
    last = phys + (PAGE << order) - 64
    bench.debug.map_page(bench.camera, last, 64, TO, IOVA)
    assert bench.said() == []
    bench.allocator.free(phys // PAGE, order)
    bench.debug.map_page(bench.display, last, 64, TO, IOVA)
    assert bench.said() == [f"device driver maps memory that is not allocated [addr={last:#018x}] [len=64]"]


def test_list_with_a_page_that_was_freed(bench):
    sgt = bench.scattered(4)
    bench.allocator.free_pages(sgt.starts[2:3] >> 12)
    bench.debug.map_sg(bench.camera, sgt, TO)
    assert bench.said() == [
        f"device driver maps memory that is not allocated [addr={int(sgt.starts[2]):#018x}] [len=4096]"
    ]


def test_every_bank_is_looked_at():
    banks = [Bank(PhysAddr(base), 1 << 20) for base in (0x8000_0000, 0x8010_0000)]
    pages = PageAllocator([(bank.base, bank.size) for bank in banks])
    areas = Areas(SimpleNamespace(dram=Dram(banks), reserved=[], pages=pages))
    starts, lengths = np.array([0x800F_F000, 0x8010_0000]), np.full(2, PAGE)
    free = "device driver maps memory that is not allocated"
    assert areas.scatter_gather(starts, lengths) == f"{free} [addr=0x00000000800ff000] [len=4096]"
    pages.alloc_pages(256)
    assert areas.scatter_gather(starts, lengths) == f"{free} [addr=0x0000000080100000] [len=4096]"
    pages.alloc_pages(256)
    assert areas.scatter_gather(starts, lengths) is None
    for bank in banks:
        bank.close()


def test_sg_entry_longer_than_the_device_says_it_takes(bench):
    bench.camera.max_segment_size = 65536
    bench.debug.map_sg(bench.camera, bench.contiguous(16), TO)
    assert bench.said() == []
    bench.debug.map_sg(bench.camera, bench.contiguous(24, dma_addr=0), TO)
    assert bench.said() == ["mapping sg segment longer than device claims to support [len=98304] [max=65536]"]


def test_sg_segment_across_the_boundary(bench):
    bench.camera.segment_boundary = 0xFFFF
    bench.debug.map_sg(bench.camera, bench.contiguous(4, dma_addr=0x1_C000), TO)
    assert bench.said() == []
    bench.debug.map_sg(bench.camera, bench.contiguous(4, dma_addr=0x1_D000), TO)
    assert bench.said() == [
        "mapping sg segment across boundary [start=0x000000000001d000]"
        " [end=0x0000000000020fff] [boundary=0x000000000000ffff]"
    ]


@pytest.mark.parametrize("size", [0, (1 << 24) + 1])
def test_coherent_memory_of_a_size_no_device_takes(bench, size):
    bench.camera.coherent_dma_mask = 24
    bench.debug.coherent_size(bench.camera, 1 << 24)
    assert bench.said() == []
    bench.debug.coherent_size(bench.camera, size)
    assert bench.said() == [
        "device driver allocates coherent memory of unsupported size"
        f" [size={size} bytes] [mask=0x0000000000ffffff]"
    ]


def test_what_a_driver_left_behind(bench):
    bench.debug.map_sg(bench.camera, bench.scattered(3, iova=None), TO)
    bench.debug.alloc_coherent(bench.camera, PAGE, IOVA, bench.pages())
    bench.debug.driver_unbound(bench.display)
    assert bench.said() == []
    first = next(iter(bench.debug.records.ledger)).address
    bench.camera.driver = None
    bench.debug.driver_unbound(bench.camera)
    assert bench.log.warnings == [
        "DMA-API: platform 32e40000.camera:"
        " device driver has pending DMA allocations while released from device [count=4]\n"
        f"One of leaked entries details: [device address={first:#018x}] [size=4096 bytes]"
        " [mapped with DMA_TO_DEVICE] [mapped as scatter-gather]"
    ]
