"""What an unmap or free may be told, in the words of Linux, and the silent twin of each."""

from __future__ import annotations

import pytest

from soc.kernel.dma import DMA_MAPPING_ERROR
from tests.kernel.dma_debug_bench import BOTH, FROM, IOVA, NOT_MINE, PAGE, TO, Bench


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


def test_right_use_is_silent(bench):
    debug, camera = bench.debug, bench.camera
    bench.mapped()
    debug.sync_single_for_cpu(camera, IOVA, 1536, FROM)
    debug.sync_single_for_device(camera, IOVA + 512, 1024, FROM)
    debug.unmap_page(camera, IOVA, 1536, FROM)
    debug.map_resource(camera, 0x1000_0000, PAGE, BOTH, 0x1000_0000)
    debug.mapping_error(camera, 0x1000_0000)
    debug.unmap_resource(camera, 0x1000_0000, PAGE, BOTH)
    coherent = bench.pages(2)
    debug.alloc_coherent(camera, 2 * PAGE, IOVA, coherent)
    debug.free_coherent(camera, 2 * PAGE, IOVA, coherent)
    sgt = bench.scattered(5)
    debug.map_sg(camera, sgt, BOTH)
    debug.sync_sg_for_cpu(camera, sgt, BOTH)
    debug.sync_sg_for_device(camera, sgt, BOTH)
    debug.unmap_sg(camera, sgt, BOTH)
    debug.driver_unbound(camera)
    assert bench.log.entries == []
    assert bench.view("num_free_entries") == "65536\n"


def test_unmap_of_what_was_never_mapped_names_driver_and_device(bench):
    bench.debug.unmap_page(bench.camera, 0x443D7040, 2048, FROM)
    assert bench.log.warnings == [
        "DMA-API: camera 32e40000.camera: device driver tries to free DMA memory it has not allocated"
        " [device address=0x00000000443d7040] [size=2048 bytes]"
    ]


def test_a_mapping_of_another_device_is_none_of_this_one(bench):
    bench.mapped()
    bench.debug.unmap_page(bench.display, IOVA, 1536, FROM)
    assert bench.said() == [f"{NOT_MINE} [device address=0x00000000ffff0000] [size=1536 bytes]"]


def test_second_unmap_of_a_list_names_where_it_was(bench):
    sgt = bench.scattered(3)
    bench.debug.map_sg(bench.camera, sgt, FROM)
    bench.debug.unmap_sg(bench.camera, sgt, FROM)
    sgt.dma_address = sgt.dma_length = sgt.dma_address[:0]
    bench.debug.unmap_sg(bench.camera, sgt, FROM)
    assert bench.said() == [f"{NOT_MINE} [device address=0x00000000ffff0000] [size=12288 bytes]"]


def test_the_error_address_must_not_be_unmapped(bench):
    bench.debug.unmap_page(bench.camera, DMA_MAPPING_ERROR, 64, FROM)
    assert bench.said() == ["device driver tries to free an invalid DMA memory address"]


def test_a_failed_map_is_not_a_mapping(bench):
    bench.debug.map_page(bench.camera, bench.pages(), 64, FROM, DMA_MAPPING_ERROR)
    bench.debug.map_resource(bench.camera, 0x1000, 64, FROM, -1)
    assert bench.view("num_free_entries") == "65536\n"


def test_different_size_and_where_it_was_mapped(bench):
    bench.clock.advance(16_666_000)
    bench.mapped()
    bench.debug.unmap_page(bench.camera, IOVA, 42, FROM)
    assert bench.said() == [
        "device driver frees DMA memory with different size"
        " [device address=0x00000000ffff0000] [map size=1536 bytes] [unmap size=42 bytes]"
    ]
    assert bench.log.entries[-1].text == "DMA-API: Mapped at: 0.016666 s, a buffer"
    bench.debug.unmap_page(bench.camera, IOVA, 1536, FROM)
    assert bench.said()[1].startswith(NOT_MINE), "it is unmapped all the same"


def test_different_size_of_one_segment(bench):
    sgt = bench.scattered(3, iova=None)
    bench.debug.map_sg(bench.camera, sgt, FROM)
    sgt.dma_length[1] = 512
    bench.debug.unmap_sg(bench.camera, sgt, FROM)
    assert bench.said() == [
        "device driver frees DMA memory with different size"
        f" [device address={int(sgt.starts[1]):#018x}] [map size=4096 bytes] [unmap size=512 bytes]"
    ]


@pytest.mark.parametrize(
    ("made", "kind"),
    [("single", "single"), ("sg", "scatter-gather"), ("coherent", "coherent"), ("resource", "resource")],
)
@pytest.mark.parametrize(
    ("ended", "unmapped"),
    [("single", "single"), ("sg", "scatter-gather"), ("coherent", "coherent"), ("resource", "resource")],
)
def test_wrong_function(bench, made, kind, ended, unmapped):
    debug, camera, sgt = bench.debug, bench.camera, bench.contiguous(1)
    phys = int(sgt.starts[0])
    if made == "single":
        debug.map_page(camera, phys, PAGE, BOTH, IOVA)
    elif made == "sg":
        debug.map_sg(camera, sgt, BOTH)
    elif made == "coherent":
        debug.alloc_coherent(camera, PAGE, IOVA, phys)
    else:
        debug.map_resource(camera, phys, PAGE, BOTH, IOVA)
    debug.mapping_error(camera, IOVA)
    if ended == "single":
        debug.unmap_page(camera, IOVA, PAGE, BOTH)
    elif ended == "sg":
        debug.unmap_sg(camera, sgt, BOTH)
    elif ended == "coherent":
        debug.free_coherent(camera, PAGE, IOVA, phys)
    else:
        debug.unmap_resource(camera, IOVA, PAGE, BOTH)
    wrong = (
        "device driver frees DMA memory with wrong function [device address=0x00000000ffff0000]"
        f" [size=4096 bytes] [mapped as {kind}] [unmapped as {unmapped}]"
    )
    counts = "device driver frees DMA sg list with different entry count [map count=0] [unmap count=1]"
    expected = [] if kind == unmapped else [wrong]
    assert bench.said() == expected + ([counts] if expected and ended == "sg" else [])


def test_one_segment_of_a_list_freed_as_a_page(bench):
    sgt = bench.scattered(3, iova=None)
    sgt.dma_length[0] = 512
    bench.debug.map_sg(bench.camera, sgt, FROM)
    second = int(sgt.starts[1])
    bench.debug.unmap_page(bench.camera, second, PAGE, FROM)
    assert bench.said() == [
        f"device driver frees DMA memory with wrong function [device address={second:#018x}]"
        " [size=4096 bytes] [mapped as scatter-gather] [unmapped as single]"
    ]


def test_different_cpu_address(bench):
    phys = bench.pages()
    bench.debug.alloc_coherent(bench.camera, PAGE, IOVA, phys)
    bench.debug.free_coherent(bench.camera, PAGE, IOVA, phys + 64)
    assert bench.said() == [
        "device driver frees DMA memory with different CPU address [device address=0x00000000ffff0000]"
        f" [size=4096 bytes] [cpu alloc address={phys:#018x}] [cpu free address={phys + 64:#018x}]"
    ]


def test_nents_at_unmap_where_orig_nents_belongs(bench):
    sgt = bench.scattered(7)
    bench.debug.map_sg(bench.camera, sgt, FROM)
    bench.debug.unmap_sg(bench.camera, sgt, FROM, nents=sgt.nents)
    assert bench.said() == [
        "device driver frees DMA sg list with different entry count [map count=7] [unmap count=1]"
    ]


def test_different_direction(bench):
    bench.mapped()
    bench.debug.unmap_page(bench.camera, IOVA, 1536, BOTH)
    assert bench.said() == [
        "device driver frees DMA memory with different direction [device address=0x00000000ffff0000]"
        " [size=1536 bytes] [mapped with DMA_FROM_DEVICE] [unmapped with DMA_BIDIRECTIONAL]"
    ]


@pytest.mark.parametrize("kind", ["single", "resource"])
def test_map_error_never_checked(bench, kind):
    debug, camera = bench.debug, bench.camera
    map_one = debug.map_page if kind == "single" else debug.map_resource
    unmap = debug.unmap_page if kind == "single" else debug.unmap_resource
    map_one(camera, bench.pages(), 64, TO, IOVA)
    debug.mapping_error(camera, IOVA + 64)
    debug.mapping_error(bench.display, IOVA)
    unmap(camera, IOVA, 64, TO)
    assert bench.said() == [
        "device driver failed to check map error[device address=0x00000000ffff0000]"
        f" [size=64 bytes] [mapped as {kind}]"
    ]


def test_of_two_mappings_at_one_address_the_one_that_fits_ends(bench):
    debug, camera = bench.debug, bench.camera
    phys = bench.pages()
    for size in (64, 128):
        debug.map_page(camera, phys, size, TO, phys)
        debug.mapping_error(camera, phys)
    debug.unmap_page(camera, phys, 128, TO)
    debug.unmap_page(camera, phys, 64, TO)
    assert bench.said() == []


def test_of_two_lists_at_one_address_the_one_with_that_many_entries_ends(bench):
    few, many = bench.contiguous(4), bench.scattered(4)
    for sgt in (few, many):
        bench.debug.map_sg(bench.camera, sgt, TO)
    bench.debug.unmap_sg(bench.camera, many, TO)
    bench.debug.unmap_sg(bench.camera, few, TO)
    assert bench.said() == []


def test_one_check_is_good_for_one_mapping(bench):
    for size in (64, 128):
        bench.debug.map_page(bench.camera, bench.pages(), size, TO, IOVA)
    bench.debug.mapping_error(bench.camera, IOVA)
    for size in (64, 128):
        bench.debug.unmap_page(bench.camera, IOVA, size, TO)
    assert bench.said() == [
        "device driver failed to check map error[device address=0x00000000ffff0000]"
        " [size=128 bytes] [mapped as single]"
    ]
