"""SEMANTICS 4.4: a udmabuf as an exporter: its pages, mappings and brackets, and what failures leave."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EFAULT, EINVAL, EMFILE, ENOMEM
from mmap import MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE
from pathlib import Path

import pytest

from heaps.udmabuf.buffer import Udmabuf, udmabuf_vm_fault
from soc.dmabuf import (
    DmaBuf,
    dma_buf_begin_cpu_access,
    dma_buf_detach,
    dma_buf_end_cpu_access,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
)
from soc.kernel.errors import KernelError
from soc.kernel.fs.memfd import MemFile
from soc.kernel.mm.user import UserFault
from soc.kernel.mm.vma import Vma, VmFlags
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from soc.memory.cache.incoherence import Kind
from soc.memory.migratetype import MigrateType
from tests.dma_heap.bench import PAGE, HeapBench, sync
from tests.udmabuf.sealed import DEVICE, create, memfd

RW = PROT_READ | PROT_WRITE
FREE_ENTRIES = "/sys/kernel/debug/dma-api/num_free_entries"
FROM, BOTH = DmaDirection.FROM_DEVICE, DmaDirection.BIDIRECTIONAL


@pytest.fixture
def cached(tmp_path: Path) -> Iterator[HeapBench]:
    bench = HeapBench(tmp_path, cached=True)
    yield bench
    bench.close()


def behind(dmabuf: DmaBuf) -> Udmabuf:
    assert isinstance(dmabuf.priv, Udmabuf)
    return dmabuf.priv


def test_writes_to_the_memfd_are_seen_through_the_buffer_and_back(app: Process) -> None:
    memory = memfd(app, 2)
    address = app.mmap(memory, 2 * PAGE)
    app.store(address + PAGE, b"before")
    fd = create(app, memory, 0, 2 * PAGE)
    view = app.mmap(fd, 2 * PAGE)
    assert app.load(view + PAGE, 6) == b"before"
    app.store(address + PAGE, b"after!")
    assert app.load(view + PAGE, 6) == b"after!"
    app.store(view, b"back")
    assert app.load(address, 4) == b"back"


def test_the_pages_outlive_the_memfd(bench: HeapBench, app: Process) -> None:
    before = bench.baseline()
    memory = memfd(app, 2)
    address = app.mmap(memory, 2 * PAGE)
    app.store(address, b"kept")
    fd = create(app, memory, 0, 2 * PAGE)
    app.munmap(address, 2 * PAGE)
    app.close(memory)
    view = app.mmap(fd, PAGE)
    assert app.load(view, 4) == b"kept"
    app.munmap(view, PAGE)
    app.close(fd)
    assert bench.baseline() == before


def test_pinned_pages_leave_cma_and_stay_where_they_are(bench: HeapBench, app: Process) -> None:
    memory = memfd(app, 8)
    filled = bench.kernel.memory.pages.alloc_pages(
        bench.kernel.memory.pages.free_frames - bench.kernel.memory.pages.free_cma - 16
    )
    assert filled is not None
    file = app.files.file(memory).private
    assert isinstance(file, MemFile)
    lent = file.populate(0, 8)
    dmabuf = bench.get(app, create(app, memory, 0, 8 * PAGE))
    pages = bench.kernel.memory.pages
    assert pages.of_type(lent, MigrateType.CMA).size, "the control: some were lent by CMA"
    assert pages.of_type(behind(dmabuf).frames, MigrateType.CMA).size == 0
    for area in bench.kernel.memory.cma.areas:
        area.release(area.alloc(area.count, 0), area.count)
    assert (file.populate(0, 8) == behind(dmabuf).frames).all()
    bench.put(dmabuf)
    pages.free_pages(filled)


def test_a_page_of_cma_that_somebody_else_has_pinned_is_enomem_and_the_others_are_let_go(
    bench: HeapBench, app: Process
) -> None:
    pages, memory = bench.kernel.memory.pages, memfd(app, 8)
    filled = pages.alloc_pages(pages.free_frames - pages.free_cma - 16)
    file = app.files.file(memory).private
    assert filled is not None and isinstance(file, MemFile)
    last = pages.of_type(file.populate(0, 8), MigrateType.CMA)[-1:]
    pages.movable.pin(last)
    with pytest.raises(KernelError) as error:
        create(app, memory, 0, 8 * PAGE)
    assert error.value.errno == ENOMEM
    assert pages.movable.pins(file.populate(0, 8)).sum() == 1
    pages.movable.unpin(last)
    pages.free_pages(filled)


@pytest.mark.parametrize(("flags", "errno"), [(MAP_SHARED, 0), (MAP_PRIVATE, EINVAL)])
@pytest.mark.parametrize("prot", [PROT_READ, RW])
def test_mmap_needs_map_shared(app: Process, flags: int, prot: int, errno: int) -> None:
    fd = create(app, memfd(app, 1), 0, PAGE)
    if errno:
        with pytest.raises(KernelError) as error:
            app.mmap(fd, PAGE, prot, flags)
        assert error.value.errno == errno
    else:
        assert app.load(app.mmap(fd, PAGE, prot, flags), 1) == b"\0"


def test_mmap_must_lie_within(app: Process) -> None:
    fd = create(app, memfd(app, 4), 0, 2 * PAGE)
    for offset, length in ((0, 3 * PAGE), (PAGE, 2 * PAGE), (2 * PAGE, PAGE)):
        with pytest.raises(KernelError) as error:
            app.mmap(fd, length, RW, MAP_SHARED, offset)
        assert error.value.errno == EINVAL


def test_a_fault_beyond_the_buffer_is_sigbus_never_the_next_page(bench: HeapBench, app: Process) -> None:
    """Row 28 of section 9: the memfd goes on, the buffer does not."""
    dmabuf = bench.get(app, create(app, memfd(app, 4), 0, 2 * PAGE))
    vma = Vma(app.mm, 0x10000, 0x10000 + 4 * PAGE, VmFlags.READ | VmFlags.SHARED)
    behind(dmabuf).mmap(dmabuf, vma)
    app.mm._vmas.add(vma)
    assert app.load(vma.start + 2 * PAGE - 1, 1) == b"\0"
    with pytest.raises(UserFault) as fault:
        app.load(vma.start + 2 * PAGE, 1)
    assert fault.value.signal == "SIGBUS"
    with pytest.raises(KernelError):
        udmabuf_vm_fault(vma, 3)
    bench.put(dmabuf)


def test_each_mapping_has_a_table_of_its_own_with_an_entry_for_every_page(
    bench: HeapBench, app: Process
) -> None:
    dmabuf = bench.get(app, create(app, memfd(app, 3), 0, 3 * PAGE))
    attachment = bench.attach(dmabuf, "camera")
    tables = []
    for _ in range(2):
        tables.append(dma_buf_map_attachment_unlocked(attachment, BOTH))
        assert tables[-1].lengths.tolist() == [PAGE] * 3
        assert (tables[-1].frames() == behind(dmabuf).frames).all()
        dma_buf_unmap_attachment_unlocked(attachment, tables[-1], BOTH)
    assert tables[0] is not tables[1]
    dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)


def test_vmap_shows_the_pages(bench: HeapBench, app: Process) -> None:
    memory = memfd(app, 2)
    dmabuf = bench.get(app, create(app, memory, PAGE, PAGE))
    mapping = dma_buf_vmap_unlocked(dmabuf)
    mapping.write(b"kernel")
    assert app.load(app.mmap(memory, 2 * PAGE) + PAGE, 6) == b"kernel"
    dma_buf_vunmap_unlocked(dmabuf, mapping)
    bench.put(dmabuf)


# --- brackets -------------------------------------------------------------------


def test_an_end_without_a_begin_is_einval(bench: HeapBench, app: Process) -> None:
    fd = create(app, memfd(app, 1), 0, PAGE)
    with pytest.raises(KernelError) as error:
        sync(app, fd, 7)
    assert error.value.errno == EINVAL
    sync(app, fd, 3)
    sync(app, fd, 7)
    sync(app, fd, 7)


def test_the_first_begin_maps_for_the_misc_device_and_its_failure_is_told(
    bench: HeapBench, app: Process
) -> None:
    fd = create(app, memfd(app, 2), 0, 2 * PAGE)
    dmabuf = bench.get(app, fd)
    bench.kernel.faults.fail_nth(1)
    with pytest.raises(KernelError) as error:
        dma_buf_begin_cpu_access(dmabuf, BOTH)
    assert error.value.errno == ENOMEM
    with pytest.raises(KernelError) as error:
        dma_buf_end_cpu_access(dmabuf, BOTH)
    assert error.value.errno == EINVAL
    free = bench.kernel.views.read(FREE_ENTRIES)
    dma_buf_begin_cpu_access(dmabuf, FROM)
    dma_buf_end_cpu_access(dmabuf, FROM)
    assert dmabuf.attachments == [], "no attachment of the framework's"
    assert bench.kernel.views.read(FREE_ENTRIES) != free
    bench.put(dmabuf)
    app.close(fd)
    assert bench.kernel.views.read(FREE_ENTRIES) == free, "unmapped when the buffer is released"


def test_the_first_sync_cleans_but_does_not_show_what_a_device_wrote(cached: HeapBench) -> None:
    """The note of row 13: a map invalidates nothing, and devices are not asked; the second one helps."""
    app = cached.kernel.process("app")
    memory = memfd(app, 1)
    address = app.mmap(memory, PAGE)
    app.store(address, b"older")
    fd = create(app, memory, 0, PAGE)
    dmabuf = cached.get(app, fd)
    attachment = cached.attach(dmabuf, "camera")
    sgt = dma_buf_map_attachment_unlocked(attachment, BOTH)
    cached.engine_writes("camera", sgt, b"newer")
    assert cached.cache is not None
    sync(app, fd, 1)
    assert app.load(address, 5) == b"older"
    assert [incident.kind for incident in cached.cache.incidents] == [Kind.STALE_CPU_READ]
    sync(app, fd, 5)
    sync(app, fd, 1)
    assert app.load(address, 5) == b"newer"
    sync(app, fd, 5)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, BOTH)
    dma_buf_detach(dmabuf, attachment)
    cached.put(dmabuf)


def test_what_the_cpu_wrote_in_a_bracket_reaches_a_device(cached: HeapBench) -> None:
    app = cached.kernel.process("app")
    memory = memfd(app, 1)
    address = app.mmap(memory, PAGE)
    fd = create(app, memory, 0, PAGE)
    dmabuf = cached.get(app, fd)
    attachment = cached.attach(dmabuf, "camera")
    sgt = dma_buf_map_attachment_unlocked(attachment, BOTH)
    sync(app, fd, 3)
    app.store(address, b"drawn")
    sync(app, fd, 7)
    assert cached.engine_reads("camera", sgt, 5) == b"drawn"
    dma_buf_unmap_attachment_unlocked(attachment, sgt, BOTH)
    dma_buf_detach(dmabuf, attachment)
    cached.put(dmabuf)


# --- failures -------------------------------------------------------------------


def test_each_place_fails_once_and_everything_is_as_before(bench: HeapBench, app: Process) -> None:
    memory = memfd(app, 4)
    address = app.mmap(memory, 4 * PAGE)
    app.store(address, b"x" * 4 * PAGE)
    device = app.open(DEVICE)
    before, nth, failed = bench.baseline(), 0, True
    while failed:
        nth += 1
        bench.kernel.faults.fail_nth(nth)
        try:
            fd = create(app, memory, 0, 4 * PAGE, device=device)
            app.close(fd)
        except KernelError as error:
            assert error.errno in (ENOMEM, EMFILE, EFAULT), str(error)
        failed = bench.kernel.faults.failed is not None
        assert bench.baseline() == before
        file = app.files.file(memory).private
        assert isinstance(file, MemFile)
        assert not bench.kernel.memory.pages.movable.pins(file.populate(0, 4)).any()
    assert nth > 5
