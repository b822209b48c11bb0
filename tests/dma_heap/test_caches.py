"""SEMANTICS 4.2: SYNC of a heap buffer on the cache model, and rows 13 and 14 of section 9.

The engine sees DRAM only. Without an attachment that is mapped, SYNC does nothing to the caches.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heaps.catalogue import MODULES
from heaps.system_uncached.dma_heap import system_uncached_heap_create
from soc.dmabuf import (
    DmaBuf,
    DmaBufAttachment,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
)
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.kernel.uapi.dma_buf import (
    DMA_BUF_SYNC_END,
    DMA_BUF_SYNC_READ,
    DMA_BUF_SYNC_RW,
    DMA_BUF_SYNC_WRITE,
)
from soc.memory.cache.incoherence import Kind
from tests.dma_heap.bench import CMA, PAGE, HeapBench, alloc, sync

TO, FROM, BOTH = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE, DmaDirection.BIDIRECTIONAL
CACHED = ["system", CMA, "negotiated"]
SIZE = 2 * PAGE


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HeapBench]:
    bench = HeapBench(tmp_path, cached=True, modules=(*MODULES, system_uncached_heap_create))
    yield bench
    bench.close()


class Shared:
    """A buffer that `app` has mapped and the camera is attached to."""

    def __init__(self, bench: HeapBench, app: Process, heap: str) -> None:
        self.bench, self.app = bench, app
        self.fd = alloc(app, heap, SIZE)
        self.address = app.mmap(self.fd, SIZE)
        self.dmabuf: DmaBuf = bench.get(app, self.fd)
        self.attachment: DmaBufAttachment = bench.attach(self.dmabuf, "camera")
        assert bench.cache is not None
        self.cache = bench.cache

    def map(self, direction: DmaDirection = BOTH) -> SgTable:
        return dma_buf_map_attachment_unlocked(self.attachment, direction)

    def unmap(self, sgt: SgTable, direction: DmaDirection = BOTH) -> None:
        dma_buf_unmap_attachment_unlocked(self.attachment, sgt, direction)

    def cpu_writes(self, data: bytes) -> None:
        self.app.store(self.address, data)

    def cpu_sees(self) -> bytes:
        return self.app.load(self.address, 5)

    def device_writes(self, sgt: SgTable, data: bytes) -> None:
        self.bench.engine_writes("camera", sgt, data)

    def device_sees(self, sgt: SgTable) -> bytes:
        return self.bench.engine_reads("camera", sgt, 5)

    def sync(self, flags: int) -> None:
        sync(self.app, self.fd, flags)

    def kinds(self) -> list[Kind]:
        return [incident.kind for incident in self.cache.incidents]

    def close(self) -> None:
        dma_buf_detach(self.dmabuf, self.attachment)
        self.bench.put(self.dmabuf)


@pytest.fixture(params=CACHED)
def shared(request: pytest.FixtureRequest, bench: HeapBench) -> Iterator[Shared]:
    shared = Shared(bench, bench.kernel.process("app"), request.param)
    yield shared
    shared.close()
    assert [text for text in bench.problems() if "different direction" not in text] == []


def test_what_the_cpu_wrote_before_the_first_map_is_cleaned_by_it(shared: Shared) -> None:
    shared.cpu_writes(b"first")
    sgt = shared.map(TO)
    assert shared.device_sees(sgt) == b"first"
    shared.unmap(sgt, TO)
    assert shared.kinds() == []


def test_a_mapped_device_reads_stale_data_without_sync(shared: Shared) -> None:
    """Row 13, and the control of the next one."""
    sgt = shared.map()
    shared.cpu_writes(b"fresh")
    assert shared.device_sees(sgt) == bytes(5)
    assert shared.kinds() == [Kind.STALE_DEVICE_READ]
    shared.unmap(sgt)


def test_a_mapped_device_reads_what_the_cpu_wrote_in_brackets(shared: Shared) -> None:
    sgt = shared.map()
    shared.sync(DMA_BUF_SYNC_WRITE)
    shared.cpu_writes(b"fresh")
    shared.sync(DMA_BUF_SYNC_WRITE | DMA_BUF_SYNC_END)
    assert shared.device_sees(sgt) == b"fresh"
    shared.unmap(sgt)
    assert shared.kinds() == []


def test_the_cpu_reads_stale_data_of_a_mapped_device_without_sync(shared: Shared) -> None:
    shared.cpu_writes(b"older")
    sgt = shared.map()
    shared.device_writes(sgt, b"newer")
    assert shared.cpu_sees() == b"older"
    assert shared.kinds() == [Kind.STALE_CPU_READ]
    shared.unmap(sgt)


@pytest.mark.parametrize("flags", [DMA_BUF_SYNC_READ, DMA_BUF_SYNC_RW], ids=["READ", "RW"])
def test_the_cpu_reads_what_a_mapped_device_wrote_in_brackets(shared: Shared, flags: int) -> None:
    shared.cpu_writes(b"older")
    sgt = shared.map()
    shared.device_writes(sgt, b"newer")
    shared.sync(flags)
    assert shared.cpu_sees() == b"newer"
    shared.sync(flags | DMA_BUF_SYNC_END)
    shared.unmap(sgt)
    assert shared.kinds() == []


def test_a_bracket_to_write_does_not_show_what_the_device_wrote(shared: Shared) -> None:
    """A device that is written to is not invalidated for: TO_DEVICE has nothing to do for the CPU."""
    shared.cpu_writes(b"older")
    sgt = shared.map()
    shared.device_writes(sgt, b"newer")
    shared.sync(DMA_BUF_SYNC_WRITE)
    assert shared.cpu_sees() == b"older"
    assert shared.kinds() == [Kind.STALE_CPU_READ]
    shared.unmap(sgt)


def test_with_nothing_mapped_sync_does_no_maintenance(shared: Shared) -> None:
    """The lines stay dirty whatever is synced: the next map would have to clean them."""
    shared.cpu_writes(b"dirty")
    for flags in (DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW):
        shared.sync(flags)
        shared.sync(flags | DMA_BUF_SYNC_END)
    assert shared.cache.state(shared.app.mm.vmas[0].frames[:1])[0].any()


def test_an_attachment_that_was_unmapped_is_not_synced_any_more(shared: Shared) -> None:
    sgt = shared.map()
    frames = sgt.frames()
    shared.unmap(sgt)
    shared.cpu_writes(b"later")
    shared.sync(DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END)
    assert shared.cache.state(frames)[0].any()


def test_a_vmap_alone_makes_sync_do_nothing_on_arm64(shared: Shared) -> None:
    """flush_kernel_vmap_range is for caches that are tagged by virtual addresses."""
    mapping = dma_buf_vmap_unlocked(shared.dmabuf)
    mapping.write(b"dirty")
    shared.sync(DMA_BUF_SYNC_RW)
    shared.sync(DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END)
    assert shared.cpu_sees() == b"dirty"
    assert shared.cache.state(shared.app.mm.vmas[0].frames[:1])[0].any()
    dma_buf_vunmap_unlocked(shared.dmabuf, mapping)


def test_unmap_gives_the_cpu_what_the_device_wrote(shared: Shared) -> None:
    shared.cpu_writes(b"older")
    sgt = shared.map(FROM)
    shared.device_writes(sgt, b"newer")
    shared.unmap(sgt, FROM)
    assert shared.cpu_sees() == b"newer"
    assert shared.kinds() == []


def test_an_uncached_buffer_needs_no_brackets(bench: HeapBench) -> None:
    shared = Shared(bench, bench.kernel.process("app"), "system-uncached")
    sgt = shared.map()
    assert shared.device_sees(sgt) == bytes(5), "cleaned when it was allocated"
    shared.cpu_writes(b"fresh")
    assert shared.device_sees(sgt) == b"fresh"
    shared.device_writes(sgt, b"newer")
    assert shared.cpu_sees() == b"newer"
    shared.unmap(sgt)
    assert shared.kinds() == []
    shared.close()


@pytest.mark.parametrize(("mapped", "flags", "heard"), [(TO, 1, True), (TO, 2, False), (BOTH, 1, False)])
def test_a_bracket_in_another_direction_than_the_mapping_is_complained_about(
    shared: Shared, mapped: DmaDirection, flags: int, heard: bool
) -> None:
    """SYNC takes the program's direction for every device, and the checks of the DMA API see that."""
    sgt = shared.map(mapped)
    shared.sync(flags)
    shared.unmap(sgt, mapped)
    assert any("different direction" in text for text in shared.bench.problems()) is heard
