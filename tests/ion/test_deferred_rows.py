"""SEMANTICS 3.6: the free list, its thread, the shrinker, and what a heap's end does."""

from __future__ import annotations

from errno import EINVAL, ENOMEM

import pytest

from heaps.ion.client import ion_client_create
from heaps.ion.create import ion_heap_create, ion_heap_destroy
from heaps.ion.device import ion_device_add_heap, ion_device_destroy
from heaps.ion.platform_data import IonPlatformHeap
from soc.kernel.fs.file import UseAfterFree
from soc.kernel.uapi.ion import ION_HEAP_TYPE_CARVEOUT, ION_HEAP_TYPE_CUSTOM, ION_HEAP_TYPE_DMA
from tests.ion.bench import (
    CACHED,
    CARVEOUT,
    CARVEOUT_SIZE,
    CHUNK,
    KIB,
    MIB,
    PAGE,
    SYSTEM,
    IonApp,
    IonBench,
    ion_bench,
    refused,
)
from tests.ion.simple_heap import add


def freed(app: IonApp, mask: int, *pages: int, flags: int = 0) -> None:
    """Buffers of so many pages, allocated and freed in this order."""
    for number in [app.alloc(mask, count * PAGE, 0, flags) for count in pages]:
        app.free(number)


def test_the_list_is_freed_from_its_front_by_the_heaps_thread(tmp_path) -> None:
    with ion_bench(tmp_path, heaps=lambda kernel: []) as bench:
        simple = add(bench.device, 0, "simple", defer=True)
        freed(bench.app, 1, 1, 2, 3)
        assert (len(simple.heap.free_list), simple.heap.free_list.size) == (3, 6 * PAGE)
        bench.settle()
        assert simple.calls[3:] == ["free 1", "free 2", "free 3"]
        assert simple.heap.free_list.size == 0


def test_the_thread_has_the_heaps_name(bench: IonBench) -> None:
    names = [str(thread) for thread in bench.kernel.sched.queue.threads]
    assert names == ["system", "carveout", "chunk"]


def test_drain_frees_at_least_so_many_bytes_and_all_for_0(bench: IonBench, app: IonApp) -> None:
    free_list = bench.device.heap("carveout").free_list
    freed(app, CARVEOUT, 1, 2, 3, 4)
    assert free_list.drain(1) == PAGE
    assert free_list.drain(2 * PAGE + 1) == 5 * PAGE
    assert free_list.drain() == 4 * PAGE
    assert free_list.drain() == 0


def test_what_is_drained_goes_to_the_pools_and_what_is_shrunk_past_them(bench: IonBench, app: IonApp) -> None:
    heap = bench.device.heap("system")
    before = bench.kernel.pages.free_frames
    freed(app, SYSTEM, 16)
    heap.free_list.drain()
    assert (heap.priv.pools.total(), bench.kernel.pages.free_frames) == (16, before - 16)
    freed(app, SYSTEM, 16, flags=CACHED)
    heap.free_list.shrink(1)
    assert (heap.priv.pools.total(), bench.kernel.pages.free_frames) == (16, before - 16)


def test_memory_on_the_list_is_used_and_no_clients(bench: IonBench, app: IonApp) -> None:
    """Row 26 of the checklist."""
    before = bench.kernel.pages.free_frames
    freed(app, SYSTEM, 5)
    assert bench.kernel.pages.free_frames == before - 5
    assert bench.device.buffers == []
    assert f"{'deferred free':>16} {5 * PAGE:16d}\n" in bench.view("heaps/system")
    assert f"{'total ':>16} {0:16d}\n" in bench.view("heaps/system")


@pytest.mark.parametrize("mask", [CARVEOUT, CHUNK], ids=["carveout", "chunk"])
def test_exhausted_freed_and_at_once_allocated_again(bench: IonBench, app: IonApp, mask: int) -> None:
    """Bug 38: deferral must not make an allocation fail."""
    for _ in range(3):
        numbers = [app.alloc(mask, 64 * KIB) for _ in range(8)]
        refused(ENOMEM, app.alloc, mask, 64 * KIB)
        for number in numbers:
            app.free(number)


def test_the_control_without_a_drain_the_list_does_make_it_fail(bench: IonBench, app: IonApp) -> None:
    app.free(app.alloc(CARVEOUT, CARVEOUT_SIZE))
    free_list = bench.device.heap("carveout").free_list
    real, free_list.drain = free_list.drain, lambda size=0: 0
    refused(ENOMEM, app.alloc, CARVEOUT, PAGE)
    free_list.drain = real
    app.alloc(CARVEOUT, PAGE)


# --- the shrinker ------------------------------------------------------------------------


def test_it_counts_the_list_and_the_pools(bench: IonBench, app: IonApp) -> None:
    heap = bench.device.heap("system")
    freed(app, SYSTEM, 16)
    bench.settle()
    freed(app, SYSTEM, 3, flags=CACHED)
    assert heap.shrinker.count_objects() == 19
    assert bench.view("heaps/system_shrink") == "19\n"


def test_it_shrinks_the_list_first_then_the_pools_in_whole_blocks(bench: IonBench, app: IonApp) -> None:
    heap = bench.device.heap("system")
    freed(app, SYSTEM, 16, 1, 1)
    bench.settle()
    freed(app, SYSTEM, 2, 2, flags=CACHED)
    assert heap.shrinker.scan_objects(0) == 0
    assert heap.shrinker.scan_objects(2) == 2, "a buffer is enough, and the pools are not asked"
    assert (heap.free_list.size, heap.priv.pools.total()) == (2 * PAGE, 18)
    assert heap.shrinker.scan_objects(3) == 2 + 16, "and so is a block, high orders first"
    assert (heap.free_list.size, heap.priv.pools.total()) == (0, 2)
    assert heap.shrinker.scan_objects(100) == 2
    assert heap.shrinker.scan_objects(100) == 0


def test_writing_its_file_scans_so_many_and_all_for_0(bench: IonBench, app: IonApp) -> None:
    path = "/sys/kernel/debug/ion/heaps/system_shrink"
    freed(app, SYSTEM, 1, 1, 1, 1)
    bench.kernel.views.write(path, "1\n")
    assert bench.view("heaps/system_shrink") == "3\n"
    bench.kernel.views.write(path, "0")
    assert bench.view("heaps/system_shrink") == "0\n"
    refused(EINVAL, bench.kernel.views.write, path, "many")


def test_it_is_registered_for_deferring_heaps_and_for_those_with_pools(tmp_path) -> None:
    with ion_bench(tmp_path, heaps=lambda kernel: []) as bench:
        kinds = {
            "plain": add(bench.device, 0, "plain"),
            "defers": add(bench.device, 1, "defers", defer=True),
            "shrinks": add(bench.device, 2, "shrinks", shrink=lambda heap, pages: 0),
        }
        assert [kinds[name].heap.shrinker is not None for name in kinds] == [False, True, True]


def test_the_page_allocator_gets_back_what_heaps_keep(bench: IonBench, app: IonApp) -> None:
    freed(app, SYSTEM, 256, 256)
    bench.settle()
    freed(app, SYSTEM, 512, flags=CACHED)
    free = bench.kernel.pages.free_frames
    shrunk = bench.kernel.memory.shrinkers.shrink(513)
    assert shrunk == 768, "the list's 512 pages, and a whole block of the pools"
    assert bench.kernel.pages.free_frames == free + 768


# --- heaps and devices ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ION_HEAP_TYPE_CUSTOM, 99])
def test_a_heap_of_unknown_type_is_einval(bench: IonBench, kind: int) -> None:
    why = refused(EINVAL, ion_heap_create, bench.kernel, IonPlatformHeap(kind, 9, "odd"))
    assert why == f"no heap is of type {kind}"
    assert bench.kernel.log.entries[-1].text == f"ion_heap_create: Invalid heap type {kind}"


@pytest.mark.parametrize(
    "data",
    [
        IonPlatformHeap(ION_HEAP_TYPE_CARVEOUT, 9, "odd", base=0x81C0_0800, size=PAGE),
        IonPlatformHeap(3, 9, "odd", base=0x81C0_0000, size=PAGE, chunk_size=1000),
        IonPlatformHeap(ION_HEAP_TYPE_DMA, 9, "odd"),
    ],
    ids=["carveout off a page", "chunks that are no pages", "DMA without a device"],
)
def test_any_error_of_creation_is_einval(bench: IonBench, data: IonPlatformHeap) -> None:
    refused(EINVAL, ion_heap_create, bench.kernel, data)
    line = f"ion_heap_create: error creating heap odd type {data.type} base {data.base} size {data.size}"
    assert bench.kernel.log.entries[-1].text == line


@pytest.mark.parametrize("kind", range(5))
def test_a_heap_for_which_there_is_no_memory_is_einval_too(bench: IonBench, kind: int) -> None:
    bench.kernel.faults.fail_nth(1)
    why = refused(EINVAL, ion_heap_create, bench.kernel, IonPlatformHeap(kind, 9, "odd"))
    assert why.startswith(f"heap odd type {kind} base 0 size 0: -ENOMEM: injected failure: kmalloc of ion_")


def test_a_heap_without_allocate_is_logged_and_added(bench: IonBench) -> None:
    simple = add(bench.device, 9, "simple", allocate=None)
    text = "ion_device_add_heap: can not add heap with invalid ops struct: heap simple (id 9)"
    assert bench.kernel.log.entries[-1].text == text
    assert simple.heap in bench.device.heaps
    refused(EINVAL, bench.app.alloc, 1 << 9)


def test_two_heaps_of_one_name_have_one_file_which_is_logged(bench: IonBench) -> None:
    add(bench.device, 9, "system")
    text = "Failed to create heap debugfs at /sys/kernel/debug/ion/heaps/system"
    assert bench.kernel.log.entries[-1].text == text


def test_destroying_no_heap_is_nothing() -> None:
    ion_heap_destroy(None)


def test_a_destroyed_heap_leaves_nothing_behind(bench: IonBench, app: IonApp) -> None:
    before = bench.kernel.baseline()
    freed(app, SYSTEM, 300)
    bench.settle()
    freed(app, SYSTEM, 20)
    heap = bench.device.heap("system")
    ion_heap_destroy(heap)
    assert bench.kernel.baseline() == before
    assert heap.shrinker not in bench.kernel.memory.shrinkers._registered
    bench.settle()
    assert [str(thread) for thread in bench.kernel.sched.queue.threads] == ["carveout", "chunk"]
    assert bench.kernel.memory.shrinkers.shrink(1) == 0


def test_destroying_a_heap_that_has_buffers_warns(noisy: IonBench) -> None:
    noisy.app.alloc(CARVEOUT)
    ion_heap_destroy(noisy.device.heap("carveout"))
    assert noisy.kernel.log.warnings == ["ion_heap_destroy: heap carveout (id 2) still has 1 buffers"]


def test_destroying_a_device_that_is_in_use_warns(noisy: IonBench) -> None:
    noisy.app.alloc()
    ion_device_destroy(noisy.device)
    assert noisy.kernel.log.warnings == [
        "ion_device_destroy: ion client 100-0 is still there, with 1 handles",
        "ion_device_destroy: ion buffer 1 (4096 bytes of system) is still there, 1 references",
    ]
    assert noisy.kernel.devfs.list() == []
    assert noisy.kernel.views.list("/sys/kernel/debug/ion") == []
    with pytest.raises(UseAfterFree):
        ion_client_create(noisy.device, "late")


def test_heaps_can_be_added_while_the_device_is_used(bench: IonBench, app: IonApp) -> None:
    data = IonPlatformHeap(0, 20, "second")
    ion_device_add_heap(bench.device, ion_heap_create(bench.kernel, data))
    assert app.buffer(app.alloc(0xFFFF_FFFF, MIB)).heap.name == "second"
