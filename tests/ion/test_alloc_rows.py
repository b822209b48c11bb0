"""SEMANTICS 3.3: which heap serves an allocation, and which error is told."""

from __future__ import annotations

from collections.abc import Iterator
from errno import E2BIG, EINVAL, ENODEV, ENOMEM, ENOSPC

import numpy as np
import pytest

from heaps.ion.alloc import ion_alloc
from heaps.ion.client import ion_client_create
from tests.ion.bench import (
    CARVEOUT,
    CHUNK,
    CHUNK_SIZE,
    CONTIG,
    DMA,
    KIB,
    PAGE,
    SYSTEM,
    IonApp,
    IonBench,
    ion_bench,
    refused,
)
from tests.ion.simple_heap import add


@pytest.fixture
def empty(tmp_path) -> Iterator[IonBench]:
    """No heaps yet."""
    with ion_bench(tmp_path, heaps=lambda kernel: []) as bench:
        yield bench


@pytest.mark.parametrize("length", [0, 2**64 - 1, 2**64 - PAGE + 1])
def test_no_bytes_or_bytes_that_wrap_to_none_are_einval(app: IonApp, length: int) -> None:
    assert refused(EINVAL, app.alloc, SYSTEM, length) == f"a buffer of {length} bytes was asked for"


def test_a_length_is_rounded_up_to_pages(empty: IonBench) -> None:
    simple = add(empty.device, 3, "simple")
    for length, size in ((1, PAGE), (PAGE, PAGE), (PAGE + 1, 2 * PAGE)):
        assert empty.app.buffer(empty.app.alloc(8, length, 5, 6)).size == size
    assert simple.calls == ["allocate 4096 5 6", "allocate 4096 5 6", "allocate 8192 5 6"]


def test_the_highest_id_in_the_mask_is_asked_first(empty: IonBench) -> None:
    heaps = {number: add(empty.device, number, f"heap {number}") for number in (4, 31, 0, 17)}
    assert [heap.id for heap in empty.device.heaps] == [31, 17, 4, 0]
    for mask, number in ((0xFFFF_FFFF, 31), (1 << 17 | 1 << 4, 17), (0x11, 4), (1, 0), (3, 0)):
        assert empty.app.buffer(empty.app.alloc(mask)).heap_id == number
        assert heaps[number].calls[-1] == "allocate 4096 0 0"


def test_heaps_of_one_id_are_asked_in_the_order_they_were_added(empty: IonBench) -> None:
    first, second = add(empty.device, 3, "first"), add(empty.device, 3, "second")
    first.fails(ENOMEM)
    assert empty.app.buffer(empty.app.alloc(8)).heap is second.heap
    assert empty.app.buffer(empty.app.alloc(8)).heap is first.heap


@pytest.mark.parametrize("mask", [0, 2, 0xFFFF_FFF6])
def test_a_mask_that_means_no_heap_is_enodev(empty: IonBench, mask: int) -> None:
    add(empty.device, 0, "zero")
    add(empty.device, 3, "three")
    if mask & 9:
        empty.app.alloc(mask)
    else:
        assert refused(ENODEV, empty.app.alloc, mask) == f"no heap has an id in the mask {mask:#x}"


def test_any_error_goes_on_to_the_next_heap(empty: IonBench) -> None:
    heaps = [add(empty.device, number, f"heap {number}") for number in range(3)]
    heaps[2].fails(E2BIG)
    heaps[1].fails(EINVAL)
    assert empty.app.buffer(empty.app.alloc(7)).heap_id == 0


def test_all_failed_tells_the_error_of_the_heap_tried_last(empty: IonBench) -> None:
    heaps = [add(empty.device, number, f"heap {number}") for number in range(3)]
    for heap, errno in zip(heaps, (ENOSPC, EINVAL, E2BIG), strict=True):
        heap.fails(errno)
    assert refused(ENOSPC, empty.app.alloc, 7) == "heap 0 refuses"
    assert empty.device.buffers == []


def test_a_deferring_heap_that_fails_is_drained_as_a_whole_and_asked_once_more(empty: IonBench) -> None:
    simple = add(empty.device, 0, "simple", defer=True)
    app = empty.app
    for number in [app.alloc(1), app.alloc(1)]:
        app.free(number)
    assert simple.heap.free_list.size == 2 * PAGE
    simple.fails(ENOMEM)
    app.alloc(1)
    assert simple.calls[2:] == ["allocate 4096 0 0", "free 1", "free 2", "allocate 4096 0 0"]
    simple.fails(ENOSPC, times=2)
    refused(ENOSPC, app.alloc, 1)
    assert simple.calls[6:] == ["allocate 4096 0 0", "allocate 4096 0 0"], "once, not more"


def test_a_heap_that_frees_at_once_is_not_asked_again(empty: IonBench) -> None:
    simple = add(empty.device, 0, "simple")
    simple.fails(ENOMEM)
    refused(ENOMEM, empty.app.alloc, 1)
    assert simple.calls == ["allocate 4096 0 0"]


def test_success_without_a_table_warns_frees_and_is_einval(tmp_path) -> None:
    bench = IonBench(tmp_path, heaps=lambda kernel: [])
    simple = add(bench.device, 0, "simple")
    simple.no_table = True
    assert refused(EINVAL, bench.app.alloc, 1) == "heap simple (id 0) set no sg_table"
    refused(EINVAL, bench.app.alloc, 1)
    assert simple.calls == ["allocate 4096 0 0", "free 1", "allocate 4096 0 0", "free 2"]
    assert bench.kernel.log.warnings == ["This heap needs to set the sgtable"], "WARN_ONCE"
    bench.close()


@pytest.mark.parametrize("mask", [SYSTEM, CONTIG, CARVEOUT, CHUNK, DMA])
def test_a_buffer_comes_with_physical_addresses_as_dma_addresses(app: IonApp, mask: int) -> None:
    """Row 5 of the checklist: no IOMMU, no device is asked."""
    table = app.buffer(app.alloc(mask, 64 * KIB)).table
    assert np.array_equal(table.dma_address, table.starts)
    assert np.array_equal(table.dma_length, table.lengths)


def test_a_buffer_is_the_devices_and_belongs_to_one_handle(bench: IonBench, app: IonApp) -> None:
    number = app.alloc()
    handle, buffer = app.handle(number), app.buffer(number)
    assert bench.device.buffers == [buffer]
    assert (handle.kref, handle.id, buffer.kref, buffer.handle_count) == (1, 1, 1, 1)


def test_handle_numbers_of_each_client_start_at_one(bench: IonBench) -> None:
    """Row 29 of the checklist."""
    other = bench.open("other")
    driver = ion_client_create(bench.device, "driver")
    assert [bench.app.alloc(), bench.app.alloc(), other.alloc()] == [1, 2, 1]
    assert ion_alloc(driver, PAGE, 0, SYSTEM, 0).id == 1


ALIGN = {
    # heap: (mask, length, most, its text)
    "system": (SYSTEM, PAGE, PAGE, "heap system (id 0) aligns to 4 KiB at most, not to 0x1001"),
    "carveout": (CARVEOUT, PAGE, PAGE, "heap carveout (id 2) aligns to 4 KiB at most, not to 0x1001"),
    "dma": (DMA, PAGE, PAGE, "heap dma (id 4) aligns to 4 KiB at most, not to 0x1001"),
    "chunk": (CHUNK, PAGE, CHUNK_SIZE, "heap chunk (id 3) aligns to 16 KiB at most, not to 0x4001"),
    "contig, one page": (CONTIG, PAGE, PAGE, "heap contig (id 1) aligns to 4 KiB at most, not to 0x1001"),
    "contig, 5 pages": (
        CONTIG,
        5 * PAGE,
        8 * PAGE,
        "heap contig (id 1) aligns to 32 KiB at most, not to 0x8001",
    ),
}


@pytest.mark.parametrize(("mask", "length", "most", "text"), ALIGN.values(), ids=ALIGN)
def test_alignment_is_only_looked_at_by_heaps(
    app: IonApp, mask: int, length: int, most: int, text: str
) -> None:
    """Row 8 of the checklist: a limit per heap, and no more."""
    for align in (0, 1, 3, most):
        app.free(app.alloc(mask, length, align))
    for align in (most + 1, 2**63):
        why = refused(EINVAL, app.alloc, mask, length, align)
        assert align == 2**63 or why == text


def test_an_alignment_that_one_heap_refuses_falls_to_the_next(app: IonApp) -> None:
    assert app.buffer(app.alloc(CHUNK | SYSTEM | CARVEOUT, PAGE, CHUNK_SIZE)).heap.name == "chunk"
    assert app.buffer(app.alloc(DMA | CHUNK, PAGE, 2 * PAGE)).heap.name == "chunk"
    refused(EINVAL, app.alloc, DMA | SYSTEM, PAGE, 2 * PAGE)
