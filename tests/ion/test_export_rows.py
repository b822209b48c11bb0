"""SEMANTICS 3.5: ION 4.9 as an exporter of dma-bufs."""

from __future__ import annotations

from errno import EINVAL, EIO, ENODEV

import numpy as np
import pytest

from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_begin_cpu_access,
    dma_buf_detach,
    dma_buf_end_cpu_access,
    dma_buf_kmap,
    dma_buf_kunmap,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
    get_dma_buf,
)
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.generation import Generation
from soc.kernel.mm.user import UserFault
from soc.kernel.mm.vma import ABSENT, VmFlags
from soc.kernel.scatterlist import DmaDirection
from tests.ion.bench import (
    CACHED,
    CARVEOUT,
    CHUNK,
    CONTIG,
    DMA,
    KIB,
    NEEDS_SYNC,
    PAGE,
    SYSTEM,
    IonApp,
    IonBench,
    ion_bench,
    platform_device,
    refused,
)
from tests.ion.simple_heap import add

TO, FROM, BOTH = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE, DmaDirection.BIDIRECTIONAL
MASKS = {"system": SYSTEM, "contig": CONTIG, "carveout": CARVEOUT, "chunk": CHUNK, "dma": DMA}
DRIVER = Holder("kernel", "a driver")


def exported(app: IonApp, mask: int = SYSTEM, length: int = 4 * PAGE, flags: int = 0) -> int:
    return app.share(app.alloc(mask, length, 0, flags))


def test_anything_attaches_and_all_get_the_one_table(bench: IonBench, app: IonApp) -> None:
    """Row 5 of the checklist: no attach, no mapping, the same physical addresses for every device."""
    dmabuf = app.dmabuf(exported(app))
    get_dma_buf(dmabuf, DRIVER)
    devices = [platform_device(bench.kernel, name) for name in ("camera", "display")]
    attachments = [dma_buf_attach(dmabuf, device) for device in devices]
    tables = [dma_buf_map_attachment_unlocked(attachment, FROM) for attachment in attachments]
    assert tables[0] is tables[1] is dmabuf.priv.sg_table
    assert np.array_equal(tables[0].dma_address, tables[0].starts)
    for attachment, table in zip(attachments, tables, strict=True):
        dma_buf_unmap_attachment_unlocked(attachment, table, FROM)
        dma_buf_detach(dmabuf, attachment)
    assert np.array_equal(tables[0].dma_address, tables[0].starts), "unmap did nothing"
    dmabuf.file.put(DRIVER)


def test_no_mask_is_looked_at(noisy: IonBench) -> None:
    """Row 40 of the checklist: a device that reaches nothing is told the address all the same."""
    dmabuf = noisy.app.dmabuf(exported(noisy.app))
    get_dma_buf(dmabuf, DRIVER)
    device = platform_device(noisy.kernel, "old")
    device.dma_mask, device.bus_dma_limit = 24, (1 << 24) - 1
    attachment = dma_buf_attach(dmabuf, device)
    table = dma_buf_map_attachment_unlocked(attachment, TO)
    address = int(table.dma_address.max())
    assert address > device.bus_dma_limit
    assert noisy.kernel.log.warnings == [
        f"dma_buf_map_attachment: {dmabuf} is mapped for old at {address:#x}, "
        f"beyond its 24-bit addresses: it would use {address & 0xFFFFFF:#x}"
    ], "the framework of the model says what Linux does not"
    dma_buf_unmap_attachment_unlocked(attachment, table, TO)
    dma_buf_detach(dmabuf, attachment)
    dmabuf.file.put(DRIVER)


# --- mmap ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("flags", [0, CACHED, NEEDS_SYNC])
def test_mmap_is_uncached_cached_or_by_faults(app: IonApp, name: str, flags: int) -> None:
    if name == "dma" and flags:
        return
    fd = exported(app, MASKS[name], 64 * KIB, flags)
    address = app.process.mmap(fd, 64 * KIB)
    vma = app.process.mm.find(address)
    assert vma.cached is bool(flags & CACHED)
    fault_flags = VmFlags.IO | VmFlags.PFNMAP | VmFlags.DONTEXPAND | VmFlags.DONTDUMP
    assert vma.flags & fault_flags == fault_flags
    frames = app.dmabuf(fd).priv.frames
    if flags == CACHED:
        assert (vma.frames == ABSENT).all()
        app.process.store(address + 5 * PAGE, b"x")
        assert np.flatnonzero(vma.frames != ABSENT).tolist() == [5]
        assert vma.frames[5] == frames[5]
    else:
        assert np.array_equal(vma.frames, frames)


@pytest.mark.parametrize("flags", [0, CACHED])
def test_mmap_from_the_middle(app: IonApp, flags: int) -> None:
    fd = exported(app, CHUNK, 64 * KIB, flags)
    whole = app.process.mmap(fd, 64 * KIB)
    part = app.process.mmap(fd, 2 * PAGE, offset=7 * PAGE)
    app.process.store(part + PAGE, b"eighth")
    assert app.process.load(whole + 8 * PAGE, 6) == b"eighth"
    buffer = app.dmabuf(fd).priv
    if flags:
        assert np.flatnonzero(buffer.dirty).tolist() == [8]


def test_one_byte_past_a_buffer_is_never_a_foreign_page(app: IonApp) -> None:
    fd = exported(app, CONTIG, 3 * PAGE, CACHED)
    refused(EINVAL, app.process.mmap, fd, 4 * PAGE)
    refused(EINVAL, lambda: app.process.mmap(fd, PAGE, offset=3 * PAGE))
    address = app.process.mmap(fd, 3 * PAGE)
    with pytest.raises(UserFault, match="SIGSEGV"):
        app.process.load(address + 3 * PAGE, 1)


def test_a_heap_without_map_user_is_einval_and_one_that_fails_tells_its_error(bench: IonBench) -> None:
    def failing(heap, buffer, vma):
        raise KernelError(EIO, "no")

    for number, errno, op in ((8, EINVAL, None), (9, EIO, failing)):
        add(bench.device, number, f"heap {number}", map_user=op)
        fd = exported(bench.app, 1 << number)
        refused(errno, bench.app.process.mmap, fd, PAGE)
        assert bench.app.dmabuf(fd).file.held_by() == f"fd {fd} of app (pid 100)"
    assert [entry.text for entry in bench.kernel.log.entries if entry.level == "error"] == [
        "ion_mmap: this heap does not define a method for mapping to userspace",
        "ion_mmap: failure mapping buffer to userspace",
    ]


def test_a_private_mapping_keeps_what_is_written_to_itself(app: IonApp) -> None:
    fd = exported(app, SYSTEM, PAGE, NEEDS_SYNC)
    shared, private = app.process.mmap(fd, PAGE), app.process.mmap(fd, PAGE, flags=2)
    app.process.store(private, b"mine")
    assert (app.process.load(shared, 4), app.process.load(private, 4)) == (bytes(4), b"mine")


# --- fault mode ---------------------------------------------------------------------------


def mapped_by_a_device(bench: IonBench, fd: int, direction: DmaDirection = FROM) -> None:
    """A device maps the buffer and lets go of it."""
    dmabuf = bench.app.dmabuf(fd)
    get_dma_buf(dmabuf, DRIVER)
    attachment = dma_buf_attach(dmabuf, platform_device(bench.kernel, "camera"))
    table = dma_buf_map_attachment_unlocked(attachment, direction)
    dma_buf_unmap_attachment_unlocked(attachment, table, direction)
    dma_buf_detach(dmabuf, attachment)
    dmabuf.file.put(DRIVER)


def test_at_map_all_pages_are_clean_again_and_all_mappings_are_zapped(bench: IonBench, app: IonApp) -> None:
    fd = exported(app, SYSTEM, 4 * PAGE, CACHED)
    buffer = app.dmabuf(fd).priv
    child = app.process.fork("child")
    addresses = [app.process.mmap(fd, 4 * PAGE), app.process.mmap(fd, 2 * PAGE, offset=2 * PAGE)]
    app.process.store(addresses[0], b"first")
    app.process.load(addresses[1], 1)
    assert np.flatnonzero(buffer.dirty).tolist() == [0, 2], "a read counts as well"
    assert child.mm.vmas == []
    forked = app.process.fork("forked")
    assert len(buffer.vmas) == 4
    mapped_by_a_device(bench, fd)
    assert not buffer.dirty.any()
    assert all((vma.frames == ABSENT).all() for vma in buffer.vmas)
    assert forked.load(addresses[0], 5) == b"first", "the next touch faults again"
    assert np.flatnonzero(buffer.dirty).tolist() == [0]


def test_a_mapping_that_ends_is_forgotten(app: IonApp) -> None:
    fd = exported(app, SYSTEM, 4 * PAGE, CACHED)
    buffer = app.dmabuf(fd).priv
    address = app.process.mmap(fd, 4 * PAGE)
    app.process.munmap(address + PAGE, PAGE)
    assert len(buffer.vmas) == 2, "a split leaves two"
    app.process.munmap(address, 4 * PAGE)
    assert buffer.vmas == {}


def test_a_copy_of_a_mapping_that_could_not_be_remembered_is_not_zapped(bench: IonBench, app: IonApp) -> None:
    fd = exported(app, SYSTEM, PAGE, CACHED)
    address = app.process.mmap(fd, PAGE)
    app.process.store(address, b"x")
    bench.kernel.faults.fail_nth(1)
    child = app.process.fork("child")
    bench.kernel.faults.fail_nth(0)
    mapped_by_a_device(bench, fd)
    assert (app.process.mm.find(address).frames == ABSENT).all()
    assert (child.mm.find(address).frames != ABSENT).all()
    child.exit()
    assert len(app.dmabuf(fd).priv.vmas) == 1


@pytest.mark.parametrize("flags", [0, NEEDS_SYNC])
def test_only_fault_mode_looks_at_mappings(bench: IonBench, app: IonApp, flags: int) -> None:
    fd = exported(app, SYSTEM, PAGE, flags)
    address = app.process.mmap(fd, PAGE)
    mapped_by_a_device(bench, fd)
    assert (app.process.mm.find(address).frames != ABSENT).all()


# --- CPU access -----------------------------------------------------------------------------


def test_a_bracket_only_maps_for_the_kernel(app: IonApp) -> None:
    dmabuf = app.dmabuf(exported(app))
    buffer = dmabuf.priv
    for count in (1, 2):
        dma_buf_begin_cpu_access(dmabuf, BOTH)
        assert buffer.kmap_cnt == count
    for count in (1, 0):
        dma_buf_end_cpu_access(dmabuf, BOTH)
        assert buffer.kmap_cnt == count
    assert buffer.vaddr is None


def test_a_bracket_of_a_heap_without_map_kernel_is_enodev(bench: IonBench) -> None:
    add(bench.device, 9, "simple", map_kernel=None)
    dmabuf = bench.app.dmabuf(exported(bench.app, 1 << 9))
    refused(ENODEV, dma_buf_begin_cpu_access, dmabuf, BOTH)


def test_an_end_without_a_begin_warns(noisy: IonBench) -> None:
    dmabuf = noisy.app.dmabuf(exported(noisy.app))
    dma_buf_end_cpu_access(dmabuf, BOTH)
    assert noisy.kernel.log.warnings == [
        "ion_buffer_kmap_put: ion buffer 1 (16384 bytes of system) is not mapped by the kernel"
    ]


def test_kmap_is_the_mappings_address_plus_pages(bench: IonBench, app: IonApp) -> None:
    bench.kernel.generation = Generation.V4_9
    fd = exported(app, SYSTEM, 4 * PAGE, NEEDS_SYNC)
    dmabuf = app.dmabuf(fd)
    address = app.process.mmap(fd, 4 * PAGE)
    app.process.store(address + 2 * PAGE, b"third")
    dma_buf_begin_cpu_access(dmabuf, BOTH)
    page = dma_buf_kmap(dmabuf, 2)
    assert page.read(0, 5).tobytes() == b"third"
    dma_buf_kunmap(dmabuf, 2, page)
    dma_buf_end_cpu_access(dmabuf, BOTH)


def test_kmap_before_begin_and_beyond_the_end_warns(noisy: IonBench) -> None:
    noisy.kernel.generation = Generation.V4_9
    dmabuf = noisy.app.dmabuf(exported(noisy.app))
    assert dma_buf_kmap(dmabuf, 0) is None
    dma_buf_begin_cpu_access(dmabuf, BOTH)
    assert dma_buf_kmap(dmabuf, 4) is None
    buffer = "ion buffer 1 (16384 bytes of system)"
    assert noisy.kernel.log.warnings == [
        f"ion_dma_buf_kmap: {buffer}: page 0 before begin_cpu_access",
        f"ion_dma_buf_kmap: {buffer}: page 4 of 4",
    ]
    dma_buf_end_cpu_access(dmabuf, BOTH)


def test_release_drops_the_buffer(tmp_path) -> None:
    with ion_bench(tmp_path) as bench:
        fd = exported(bench.app)
        bench.app.free(1)
        assert len(bench.device.buffers) == 1
        bench.app.process.close(fd)
        assert bench.device.buffers == []
