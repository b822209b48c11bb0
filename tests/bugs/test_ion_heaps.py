"""Rows 37 and 38: a heap that nobody meant, and memory that is free but not yet."""

from __future__ import annotations

from errno import ENOMEM

import pytest

from heaps.ion.client import IonClient
from heaps.ion.heap import IonHeap
from heaps.storage.memory import HeapMemory
from soc.kernel.remains import Remains
from tests.bugs.bench import MIB, Bench, clean_bench, errno_of, noisy_bench
from tests.bugs.ion_app import CARVEOUT, CHUNK, SYSTEM, IonApp, ion_device

CARVEOUT_SIZE, CHUNKS_SIZE = 64 * MIB, 16 * MIB
DEBUGFS = "/sys/kernel/debug/ion"


def remarks(bench: Bench) -> list[str]:
    """What ION has said of its allocations."""
    return [entry.text for entry in bench.kernel.log.entries if entry.text.startswith("ion_alloc")]


def heap_of(bench: Bench, client: str) -> list[str]:
    """Which heaps a client has memory of, as debugfs has it."""
    rows = bench.kernel.views.read(f"{DEBUGFS}/clients/{client}").splitlines()[1:]
    return [row.split(":")[0].strip() for row in rows]


# --- 37: the wrong heap ---------------------------------------------------------------------------


def test_row_37_planted_a_library_that_adds_the_system_heap_gets_scattered_pages() -> None:
    """The display needs one run; its library allows any heap, so that allocations seldom fail."""
    with noisy_bench("vexpress-ion") as bench:
        IonApp(bench.process("hog")).alloc(CARVEOUT, CARVEOUT_SIZE - MIB)
        app = IonApp(bench.process("display"))
        app.alloc(CARVEOUT | SYSTEM, 2 * MIB)
        assert remarks(bench) == [
            "ion_alloc: ion buffer 3 (2097152 bytes of system) is a fallback: heap carveout (id 2) could not "
            "(-ENOMEM: carveout: no 2 MiB in one run: 1 MiB of 64 MiB are free, the largest run is 1 MiB)"
        ]
        assert heap_of(bench, "101-0") == ["system"]
        assert [buffer.heap_id for buffer in ion_device(bench).buffers] == [2, 0]


def test_row_37_clean_who_means_a_heap_gets_that_one_or_an_error() -> None:
    with clean_bench("vexpress-ion") as bench:
        hog, app = IonApp(bench.process("hog")), IonApp(bench.process("display"))
        app.alloc(CARVEOUT | SYSTEM, 2 * MIB)
        assert heap_of(bench, "101-0") == ["carveout"], "of two, the one with the higher id"
        hog.alloc(CARVEOUT, CARVEOUT_SIZE - 3 * MIB)
        assert errno_of(app.alloc, CARVEOUT, 2 * MIB) == ENOMEM
        assert remarks(bench) == []
        for one in (hog, app):
            one.process.close(one.fd)


# --- 38: deferred free ----------------------------------------------------------------------------


class VendorHeap:
    """An ioctl that allocates from a heap as ION does, but does not have its free list drained."""

    def __init__(self, heap: IonHeap) -> None:
        self.heap = heap

    def __call__(self, client: IonClient, cmd: int, size: int) -> int:
        memory: HeapMemory = self.heap.priv.allocate(size)
        memory.give_back()
        return 0


def test_row_38_planted_memory_that_nobody_has_is_not_to_be_had_either() -> None:
    with noisy_bench("vexpress-ion") as bench:
        app, device = IonApp(bench.process()), ion_device(bench)
        device.custom_ioctl = VendorHeap(device.heap("carveout"))
        app.free(app.alloc(CARVEOUT, CARVEOUT_SIZE))
        assert errno_of(app.custom, 0, MIB) == ENOMEM
        assert bench.kernel.subsystem(Remains).lines() == [
            f"heap carveout (id 2) has not freed 1 buffers, {CARVEOUT_SIZE} bytes, which nobody has any more"
        ]
        rows = bench.kernel.views.read(f"{DEBUGFS}/heaps/carveout").splitlines()
        assert [row.split() for row in rows if "deferred" in row] == [
            ["deferred", "free", str(CARVEOUT_SIZE)]
        ]


@pytest.mark.parametrize(
    ("heap", "size"), [(CARVEOUT, CARVEOUT_SIZE), (CHUNK, CHUNKS_SIZE)], ids=["carveout", "chunk"]
)
def test_row_38_clean_what_was_freed_can_be_had_at_once(heap: int, size: int) -> None:
    with clean_bench("vexpress-ion") as bench:
        bench.kernel.memory.owners.look_for_leftovers = False
        app = IonApp(bench.process())
        first = app.alloc(heap, size)
        assert errno_of(app.alloc, heap, size) == ENOMEM
        app.free(first)
        app.free(app.alloc(heap, size))
        app.process.close(app.fd)
