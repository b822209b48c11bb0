"""Row 4 of SEMANTICS 9: threads of one program in the middle of each other's allocations."""

from __future__ import annotations

import os
from errno import EBADF

import pytest

from soc.kernel.errors import KernelError
from soc.kernel.process import Process
from soc.kernel.sched.interleaver import SeededInterleaver
from soc.kernel.uapi.dma_heap import DMA_HEAP_IOCTL_ALLOC, DmaHeapAllocationData
from tests.dma_heap.bench import CMA, PAGE, HeapBench, alloc


def test_the_number_is_taken_and_empty_until_the_copy_is_made(bench: HeapBench, app: Process) -> None:
    """A thread that runs during the copy can neither close the coming fd nor get its number."""
    heap = app.open("/dev/dma_heap/system")
    seen: list[object] = []

    def meddle(place: str) -> None:
        if place == "copy_to_user":
            seen.append(app.memfd_create("other"))
            with pytest.raises(KernelError) as error:
                app.close(1)
            seen.append(error.value.errno)

    bench.kernel.sched.on_preempt = meddle
    data = DmaHeapAllocationData(PAGE)
    app.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, data)
    bench.kernel.sched.on_preempt = None
    assert (data.fd, seen) == (1, [2, EBADF])
    assert app.fstat(1).st_size == PAGE
    assert bench.problems() == []


@pytest.mark.parametrize("seed", range(8))
def test_threads_that_allocate_map_and_close_at_once(bench: HeapBench, seed: int) -> None:
    app = bench.kernel.process("app")
    before = bench.baseline()

    def work(heap: str, mark: bytes) -> None:
        for size in range(1, 6):
            fd = alloc(app, heap, size * PAGE, os.O_RDWR)
            address = app.mmap(fd, size * PAGE)
            app.store(address, mark * PAGE)
            bench.kernel.sched.cond_resched()
            assert app.load(address, PAGE) == mark * PAGE
            app.munmap(address, size * PAGE)
            app.close(fd)

    heaps = ["system", CMA, "negotiated", "system"]
    with SeededInterleaver(bench.kernel.sched, seed) as adversary:
        threads = [
            bench.kernel.sched.spawn(app, work, heap, bytes([65 + number]))
            for number, heap in enumerate(heaps)
        ]
        bench.kernel.sched.run()
    assert len(adversary.trace) > 20, "the control: they did get in each other's way"
    for thread in threads:
        thread.result()
    assert bench.baseline() == before
    assert bench.problems() == []
