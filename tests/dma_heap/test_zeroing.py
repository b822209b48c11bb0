"""Row 12 of SEMANTICS 9, for every dma-heap: no owner sees a byte of the one before, CPU or device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from heaps.carveout import CarveoutHeap
from heaps.catalogue import MODULES
from heaps.system_uncached.dma_heap import system_uncached_heap_create
from soc.address import PhysAddr
from soc.dmabuf import (
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
)
from soc.kernel.kernel import Kernel
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from tests.dma_heap.bench import CMA, PAGE, REGIONS, HeapBench, alloc

BOTH = DmaDirection.BIDIRECTIONAL
SIZE = 16 * PAGE
CARVEOUTS = """\
  cached@81d00000: {compatible: ion-region, reg: [[0x81d00000, 64K]]}
  bare@81e00000: {compatible: ion-region, reg: [[0x81e00000, 64K]], no-map: true}
"""
HEAPS = ["system", CMA, "negotiated", "system-uncached", "cached", "bare"]


def carveouts(kernel: Kernel) -> None:
    """Both regions as heaps, each as large as one buffer."""
    CarveoutHeap(kernel, "cached", PhysAddr(0x81D0_0000), SIZE).register()
    CarveoutHeap(kernel, "bare", PhysAddr(0x81E0_0000), SIZE, cached=False).register()


@pytest.fixture(params=[False, True], ids=["no cache", "cache"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HeapBench]:
    modules = (*MODULES, system_uncached_heap_create, carveouts)
    bench = HeapBench(tmp_path, cached=request.param, modules=modules, regions=REGIONS + CARVEOUTS)
    yield bench
    assert bench.problems() == []
    bench.close()


def use(bench: HeapBench, app: Process, heap: str, pattern: bytes) -> bytes:
    """What a device sees of a new buffer, before it and the program leave `pattern` all over it."""
    fd = alloc(app, heap, SIZE)
    dmabuf = bench.get(app, fd)
    attachment = bench.attach(dmabuf, "camera")
    sgt = dma_buf_map_attachment_unlocked(attachment, BOTH)
    seen = bench.engine_reads("camera", sgt, SIZE)
    bench.engine_writes("camera", sgt, pattern * SIZE)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, BOTH)
    dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)
    address = app.mmap(fd, SIZE)
    app.store(address + SIZE // 2, pattern * (SIZE // 2))
    app.munmap(address, SIZE)
    _free(bench, app, fd)
    return seen


@pytest.mark.parametrize("heap", HEAPS)
def test_the_next_owner_sees_zeros(bench: HeapBench, app: Process, heap: str) -> None:
    for turn in range(3):
        assert not any(use(bench, app, heap, bytes([0x5A + turn])))
        fd = alloc(app, heap, SIZE)
        address = app.mmap(fd, SIZE)
        assert not any(app.load(address, SIZE))
        app.munmap(address, SIZE)
        _free(bench, app, fd)


@pytest.mark.parametrize("heap", HEAPS)
def test_the_same_pages_were_really_used_again(bench: HeapBench, app: Process, heap: str) -> None:
    """The control: without that there would be nothing to see."""
    frames = []
    for _ in range(2):
        fd = alloc(app, heap, SIZE)
        address = app.mmap(fd, SIZE)
        app.store(address, b"x" * SIZE)
        frames.append(np.sort(app.mm.vmas[-1].frames))
        app.munmap(address, SIZE)
        _free(bench, app, fd)
    assert np.intersect1d(*frames).size


def test_a_heap_that_forgets_to_clear_is_found(bench: HeapBench, app: Process) -> None:
    """Negative control: bytes that come back after the memory was cleared are named with their owner."""
    fd = alloc(app, "cached", SIZE)
    app.close(fd)
    bank = bench.machine.dram.banks[0]
    bank.bytes[0x81D0_0000 - bank.base] = 7
    alloc(app, "cached", SIZE)
    (found,) = [text for text in bench.problems() if "contains bytes of" in text]
    assert found.startswith("cached: buffer 2 contains bytes of its previous owner dma-buf")
    bench.kernel.log.entries.clear()


def _free(bench: HeapBench, app: Process, fd: int) -> None:
    """Close the last fd, and let the thread that frees later have its turn."""
    app.close(fd)
    bench.kernel.sched.run_ready()
