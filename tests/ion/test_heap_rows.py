"""SEMANTICS 3.3, second table: storage, limits, flags, zeroing and deferral of each heap, through ION."""

from __future__ import annotations

from errno import EINVAL, ENODEV, ENOMEM, EPERM

import pytest

from heaps.ion.alloc import ion_alloc, ion_free
from heaps.ion.client import ion_client_create
from heaps.ion.kernel_map import ion_phys, ion_sg_table
from tests.ion.bench import (
    CACHED,
    CARVEOUT,
    CARVEOUT_SIZE,
    CHUNK,
    CHUNK_REGION,
    CHUNK_SIZE,
    CONTIG,
    DMA,
    KIB,
    MIB,
    NEEDS_SYNC,
    PAGE,
    SYSTEM,
    IonApp,
    IonBench,
    refused,
)

MASKS = {"system": SYSTEM, "contig": CONTIG, "carveout": CARVEOUT, "chunk": CHUNK, "dma": DMA}


def runs(app: IonApp, number: int) -> list[int]:
    return app.buffer(number).table.lengths.tolist()


def test_system_takes_orders_8_4_and_0_the_largest_that_fits_first(app: IonApp) -> None:
    length = 2 * MIB + 64 * KIB + 2 * PAGE
    assert runs(app, app.alloc(SYSTEM, length)) == [MIB, MIB, 64 * KIB, PAGE, PAGE]


def test_system_refuses_more_than_half_of_ram_at_once(bench: IonBench, app: IonApp) -> None:
    half = bench.kernel.pages.total_frames // 2
    why = refused(ENOMEM, app.alloc, SYSTEM, (half + 1) * PAGE)
    assert "more than half of" in why


def test_system_gives_all_pages_back_when_they_run_out(bench: IonBench, app: IonApp) -> None:
    half = bench.kernel.pages.total_frames // 2
    app.alloc(SYSTEM, half * PAGE)
    before = bench.kernel.pages.free_frames
    refused(ENOMEM, app.alloc, SYSTEM, half * PAGE)
    pooled = bench.device.heap("system").priv.pools.total()
    assert pooled
    assert bench.kernel.pages.free_frames + pooled == before, "some to the heap's pools"


@pytest.mark.parametrize(("pages", "taken"), [(1, 1), (3, 3), (5, 5), (1024, 1024)])
def test_contig_is_one_run_and_gives_its_tail_back(
    bench: IonBench, app: IonApp, pages: int, taken: int
) -> None:
    before = bench.kernel.pages.free_frames
    assert runs(app, app.alloc(CONTIG, pages * PAGE)) == [pages * PAGE]
    assert before - bench.kernel.pages.free_frames == taken


def test_contig_ends_at_4_mib(app: IonApp) -> None:
    refused(ENOMEM, app.alloc, CONTIG, 4 * MIB + 1)


def test_carveout_is_one_run_and_fails_when_none_is_long_enough(bench: IonBench, app: IonApp) -> None:
    numbers = [app.alloc(CARVEOUT, 128 * KIB) for _ in range(4)]
    assert all(runs(app, number) == [128 * KIB] for number in numbers)
    for number in numbers[::2]:
        app.free(number)
    bench.settle()
    why = refused(ENOMEM, app.alloc, CARVEOUT, 256 * KIB)
    assert "256 KiB of 512 KiB are free, the largest run is 128 KiB" in why
    app.free(numbers[1])
    app.alloc(CARVEOUT, 384 * KIB)


def test_chunk_has_an_entry_for_each_chunk_and_counts_whole_chunks(app: IonApp) -> None:
    number = app.alloc(CHUNK, CHUNK_SIZE + 1)
    assert runs(app, number) == [CHUNK_SIZE, CHUNK_SIZE]
    assert app.buffer(number).size == CHUNK_SIZE + PAGE, "size stays the length in pages"
    assert len(app.buffer(number).frames) == 5
    app.alloc(CHUNK, CHUNK_REGION - 2 * CHUNK_SIZE)
    refused(ENOMEM, app.alloc, CHUNK, 1)


def test_chunk_undoes_all_when_it_is_asked_for_more_than_it_has(bench: IonBench, app: IonApp) -> None:
    refused(ENOMEM, app.alloc, CHUNK, CHUNK_REGION + 1)
    app.alloc(CHUNK, CHUNK_REGION)


def test_dma_is_one_run_of_the_contiguous_memory_area(bench: IonBench, app: IonApp) -> None:
    (area,) = bench.kernel.memory.cma.areas
    buffer = app.buffer(app.alloc(DMA, 5 * PAGE))
    assert area.owns(int(buffer.frames[0]), 5)
    assert runs(app, 1) == [5 * PAGE]


@pytest.mark.parametrize("flags", [CACHED, NEEDS_SYNC])
def test_dma_has_no_cached_memory(app: IonApp, flags: int) -> None:
    assert refused(EINVAL, app.alloc, DMA, PAGE, 0, flags) == "heap dma (id 4) has no cached memory"
    assert app.buffer(app.alloc(DMA | SYSTEM, PAGE, 0, flags)).heap.name == "system"


def test_every_other_failure_of_dma_reads_as_eperm(bench: IonBench, app: IonApp) -> None:
    """Row 7 of the checklist: the heap returns -1."""
    refused(EPERM, app.alloc, DMA, 64 * MIB)
    assert bench.kernel.log.entries[-1].text == "platform ion-dma: Fail to allocate buffer"
    for nth in (3, 4, 5):
        bench.kernel.faults.fail_nth(nth)
        refused(EPERM, app.alloc, DMA, PAGE)
    bench.kernel.faults.fail_nth(0)


@pytest.mark.parametrize("flags", [0, CACHED, NEEDS_SYNC, 2])
@pytest.mark.parametrize("name", ["system", "contig", "carveout", "chunk"])
def test_the_others_have_both(app: IonApp, name: str, flags: int) -> None:
    buffer = app.buffer(app.alloc(MASKS[name], 2 * PAGE, 0, flags))
    assert buffer.cached is bool(flags & CACHED)
    assert buffer.faults_user_mappings is (flags == CACHED)


@pytest.mark.parametrize("flags", [0, NEEDS_SYNC])
@pytest.mark.parametrize("name", MASKS)
def test_no_owner_sees_what_the_last_left(bench: IonBench, app: IonApp, name: str, flags: int) -> None:
    """Rows 27 of the checklist and 12 of the bugs: zeros for the CPU, and in DRAM for an uncached buffer."""
    flags = 0 if name == "dma" else flags
    length = 64 * KIB
    for value in (0xA5, 0x5A):
        number = app.alloc(MASKS[name], length, 0, flags)
        memory = app.buffer(number).priv_virt
        assert not bench.kernel.cpu_sees(memory).any()
        if not flags:
            assert not bench.kernel.dram_has(memory).any()
        address = app.process.mmap(fd := app.share(number), length)
        app.process.store(address, bytes([value]) * length)
        bench.kernel.fill(memory, value, by_device=True)
        app.process.munmap(address, length)
        app.process.close(fd)
        app.free(number)
        bench.settle()


@pytest.mark.parametrize("name", MASKS)
def test_system_carveout_and_chunk_free_later_the_others_at_once(
    bench: IonBench, app: IonApp, name: str
) -> None:
    heap = bench.device.heap(name)
    app.free(app.alloc(MASKS[name]))
    deferred = name in ("system", "carveout", "chunk")
    assert heap.deferred is deferred
    assert heap.free_list.size == (PAGE if deferred else 0)
    assert heap.priv.live == (1 if deferred else 0)


@pytest.mark.parametrize("name", MASKS)
def test_phys_is_for_heaps_whose_buffers_are_one_run(bench: IonBench, name: str) -> None:
    client = ion_client_create(bench.device, "driver")
    handle = ion_alloc(client, 5 * PAGE, 0, MASKS[name], 0)
    if name in ("system", "chunk"):
        why = refused(ENODEV, ion_phys, client, handle)
        assert why == f"heap {name} (id {handle.buffer.heap_id}) has no physical address to give"
    else:
        assert ion_phys(client, handle) == (int(handle.buffer.frames[0]) << 12, 5 * PAGE)
    assert ion_sg_table(client, handle) is handle.buffer.sg_table
    ion_free(client, handle)
    for call in (ion_phys, ion_sg_table):
        refused(EINVAL, call, client, handle)


@pytest.mark.parametrize("name", MASKS)
def test_reports_of_pages_name_buffer_and_heap(bench: IonBench, app: IonApp, name: str) -> None:
    frame = int(app.buffer(app.alloc(MASKS[name])).frames[0])
    assert str(bench.kernel.memory.owners.last_owner(frame)) == f"ion buffer 1 of heap {name}"


def test_the_carveout_is_as_large_as_its_region(app: IonApp) -> None:
    app.alloc(CARVEOUT, CARVEOUT_SIZE)
    refused(ENOMEM, app.alloc, CARVEOUT, PAGE)


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("length", [1 << 40, (1 << 63) - 1, (1 << 64) - PAGE])
def test_absurd_lengths_are_refused_in_order(bench: IonBench, app: IonApp, name: str, length: int) -> None:
    before = bench.baseline()
    refused(EPERM if name == "dma" else ENOMEM, app.alloc, MASKS[name], length)
    assert bench.baseline() == before
