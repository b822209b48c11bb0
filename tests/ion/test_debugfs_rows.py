"""SEMANTICS 3.8: the files of debugfs, to the byte."""

from __future__ import annotations

import pytest

from heaps.ion.alloc import ion_alloc
from heaps.ion.client import ion_client_create, ion_client_destroy
from soc.dmabuf import dma_buf_begin_cpu_access, dma_buf_end_cpu_access
from soc.kernel.scatterlist import DmaDirection
from tests.ion.bench import CACHED, CARVEOUT, CONTIG, DEBUGFS, KIB, MIB, PAGE, SYSTEM, IonBench, refused

RULE = "-" * 52 + "\n"
HEADER = "          client              pid             size\n" + RULE
ORPHANED = RULE + "orphaned allocations (info is from last known client):\n"


def totals(orphaned: int, total: int, deferred: int | None = None) -> str:
    text = RULE + f"  total orphaned {orphaned:16d}\n          total  {total:16d}\n"
    if deferred is not None:
        text += f"   deferred free {deferred:16d}\n"
    return text + RULE


def test_the_files(bench: IonBench) -> None:
    ion_client_create(bench.device, "display")
    assert bench.kernel.views.list(DEBUGFS) == [
        f"{DEBUGFS}/{name}"
        for name in (
            "clients/100-0",
            "clients/display-0",
            "heaps/carveout",
            "heaps/carveout_shrink",
            "heaps/chunk",
            "heaps/chunk_shrink",
            "heaps/contig",
            "heaps/dma",
            "heaps/system",
            "heaps/system_shrink",
        )
    ]


def test_a_client_without_buffers(bench: IonBench) -> None:
    assert bench.view("clients/100-0") == "       heap_name:    size_in_bytes\n"


def test_a_clients_rows_go_by_heap_id_and_count_a_buffer_once(bench: IonBench) -> None:
    app = bench.app
    app.import_fd(app.share(app.alloc(CARVEOUT, 64 * KIB)))
    app.alloc(SYSTEM, PAGE)
    app.alloc(SYSTEM, 2 * PAGE)
    assert bench.view("clients/100-0") == (
        "       heap_name:    size_in_bytes\n"
        "          system:            12288\n"
        "        carveout:            65536\n"
    )


def test_names_of_clients_are_cut_and_numbered(bench: IonBench) -> None:
    clients = [ion_client_create(bench.device, "video") for _ in range(3)]
    assert [client.display_name for client in clients] == ["video-0", "video-1", "video-2"]
    ion_client_destroy(clients[1])
    assert ion_client_create(bench.device, "video").display_name == "video-3", "the highest plus one"
    refused(2, bench.view, "clients/video-1")


def test_an_empty_heap(bench: IonBench) -> None:
    assert bench.view("heaps/contig") == HEADER + ORPHANED + totals(0, 0)


def test_programs_go_by_comm_and_drivers_by_their_clients_name(bench: IonBench) -> None:
    bench.app.alloc(CONTIG, PAGE)
    ion_alloc(ion_client_create(bench.device, "display-driver"), 3 * PAGE, 0, CONTIG, 0)
    assert bench.view("heaps/contig") == (
        HEADER
        + "             app              100             4096\n"
        + "  display-driver                0            12288\n"
        + ORPHANED
        + totals(0, 4 * PAGE)
    )


def test_a_client_a_driver_makes_for_a_program_goes_by_that_program(bench: IonBench) -> None:
    with bench.kernel.sched.running(bench.app.process):
        client = ion_client_create(bench.device, "per-process")
    ion_alloc(client, PAGE, 0, CONTIG, 0)
    assert "             app              100             4096\n" in bench.view("heaps/contig")


def test_a_buffer_that_two_clients_have_is_in_both_rows_and_once_in_the_total(bench: IonBench) -> None:
    other = bench.open("other")
    other.import_fd(other.receive(bench.app, bench.app.share(bench.app.alloc(CARVEOUT, 2 * PAGE))))
    assert bench.view("heaps/carveout") == (
        HEADER
        + "             app              100             8192\n"
        + "           other              101             8192\n"
        + ORPHANED
        + totals(0, 2 * PAGE, deferred=0)
    )


def test_an_orphan_is_told_with_its_last_client_mappings_and_references(bench: IonBench) -> None:
    app = bench.app
    number = app.alloc(CARVEOUT, 3 * PAGE)
    fd = app.share(number)
    app.share(number)
    dma_buf_begin_cpu_access(app.dmabuf(fd), DmaDirection.TO_DEVICE)
    app.free(number)
    assert bench.view("heaps/carveout") == (
        HEADER
        + ORPHANED
        + "             app              100            12288 1 2\n"
        + totals(12288, 12288, 0)
    )
    dma_buf_end_cpu_access(app.dmabuf(fd), DmaDirection.TO_DEVICE)


def test_an_orphan_of_a_driver_was_the_idle_tasks(bench: IonBench) -> None:
    client = ion_client_create(bench.device, "driver")
    handle = ion_alloc(client, PAGE, 0, CARVEOUT, 0)
    handle.buffer.get()
    ion_client_destroy(client)
    assert "       swapper/0                0             4096 0 1\n" in bench.view("heaps/carveout")
    handle.buffer.put()


def test_what_waits_to_be_freed_is_in_no_total_but_its_own(bench: IonBench) -> None:
    bench.app.free(bench.app.alloc(CARVEOUT, 5 * PAGE))
    assert bench.view("heaps/carveout") == HEADER + ORPHANED + totals(0, 0, deferred=5 * PAGE)
    bench.settle()
    assert bench.view("heaps/carveout") == HEADER + ORPHANED + totals(0, 0, deferred=0)


POOLS = [
    f"{{}} order {order} {where} pages {kind} {{}} total\n"
    for kind in ("uncached", "cached")
    for order in (8, 4, 0)
    for where in ("highmem", "lowmem")
]


def pools(**counts: int) -> str:
    """`uncached_8=2`: two blocks of low memory; the others are empty."""
    text = ""
    for line in POOLS:
        _, _, order, where, _, kind, _, _ = line.split()
        count = counts.get(f"{kind}_{order}", 0) if where == "lowmem" else 0
        text += line.format(count, count * (PAGE << int(order)))
    return text


def test_the_system_heap_ends_with_its_pools(bench: IonBench) -> None:
    app = bench.app
    assert bench.view("heaps/system") == HEADER + ORPHANED + totals(0, 0, deferred=0) + pools()
    app.free(app.alloc(SYSTEM, 2 * MIB + 64 * KIB))
    app.free(app.alloc(SYSTEM, 3 * PAGE, 0, CACHED))
    bench.settle()
    expected = pools(uncached_8=2, uncached_4=1, cached_0=3)
    assert bench.view("heaps/system") == HEADER + ORPHANED + totals(0, 0, deferred=0) + expected
    assert "2 order 8 lowmem pages uncached 2097152 total\n" in expected


def test_the_files_of_a_client_go_with_it(bench: IonBench) -> None:
    bench.app.process.exit()
    assert bench.kernel.views.list(f"{DEBUGFS}/clients") == []


@pytest.mark.parametrize("path", ["heaps/system", "clients/100-0"])
def test_the_reports_are_read_only(bench: IonBench, path: str) -> None:
    refused(13, bench.kernel.views.write, f"{DEBUGFS}/{path}", "0")
