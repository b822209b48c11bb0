"""ION 4.12: an allocation is an fd, and devices get what the DMA API makes for them."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EFAULT, EINVAL, EMFILE, ENODEV, ENOMEM, ENOTTY

import numpy as np
import pytest

from heaps.ion.abi import IonAbi
from soc.dmabuf import (
    DmaBuf,
    dma_buf_attach,
    dma_buf_begin_cpu_access,
    dma_buf_detach,
    dma_buf_end_cpu_access,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
    get_dma_buf,
)
from soc.kernel.device import Device
from soc.kernel.fs.file import Holder
from soc.kernel.mm.vma import ABSENT
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.uapi import ion
from soc.kernel.uapi.ion_4_12 import ION_IOC_ABI_VERSION, ION_IOC_ALLOC, IonAllocationData
from soc.memory.cache.incoherence import Kind
from soc.memory.span import PageSpan
from tests.ion.bench import (
    CACHED,
    CONTIG,
    DMA,
    KIB,
    PAGE,
    SYSTEM,
    IonBench,
    ion_bench,
    platform_device,
    platform_heaps,
    refused,
)
from tests.ion.boards import IonBoard

FROM, TO, BOTH = DmaDirection.FROM_DEVICE, DmaDirection.TO_DEVICE, DmaDirection.BIDIRECTIONAL
DRIVER = Holder("kernel", "a driver")


class Newer:
    """/dev/ion of 4.12, open in a program."""

    def __init__(self, bench: IonBench) -> None:
        self.bench = bench
        self.process: Process = bench.app.process
        self.fd = bench.app.fd

    def alloc(self, mask: int = SYSTEM, length: int = PAGE, flags: int = 0) -> int:
        data = IonAllocationData(length, mask, flags)
        self.process.ioctl(self.fd, ION_IOC_ALLOC, data)
        return data.fd

    def dmabuf(self, fd: int) -> DmaBuf:
        dmabuf = self.process.files.file(fd).private
        assert isinstance(dmabuf, DmaBuf)
        return dmabuf


@pytest.fixture
def newer(tmp_path) -> Iterator[Newer]:
    with ion_bench(tmp_path, abi=IonAbi.V4_12) as bench:
        yield Newer(bench)


def test_alloc_takes_and_gives_these_bytes(newer: Newer) -> None:
    arg = bytearray.fromhex("8813000000000000 01000000 00000000 eeeeeeee eeeeeeee")
    assert newer.process.ioctl(newer.fd, 0xC018_4900, arg) == 0
    assert arg == bytearray.fromhex("8813000000000000 01000000 00000000 01000000 eeeeeeee")
    dmabuf = newer.dmabuf(1)
    assert (dmabuf.size, dmabuf.exp_name, dmabuf.priv.heap_id) == (2 * PAGE, "ion", 0)
    assert newer.process.files.cloexec == {1}


@pytest.mark.parametrize("name", ["FREE", "MAP", "SHARE", "IMPORT", "SYNC", "CUSTOM", "ALLOC"])
def test_there_are_no_handles_any_more(newer: Newer, name: str) -> None:
    number = getattr(ion, f"ION_IOC_{name}")
    refused(EINVAL if name == "ALLOC" else ENOTTY, newer.process.ioctl, newer.fd, number, bytearray(64))


def test_the_abi_version_is_2(newer: Newer) -> None:
    arg = bytearray(4)
    newer.process.ioctl(newer.fd, ION_IOC_ABI_VERSION, arg)
    assert arg == b"\2\0\0\0"
    refused(EFAULT, newer.process.ioctl, newer.fd, ION_IOC_ABI_VERSION, None)


def test_the_device_numbers_the_heaps_as_they_come(tmp_path) -> None:
    backwards = lambda kernel: platform_heaps(kernel)[::-1]  # noqa: E731
    with ion_bench(tmp_path, abi=IonAbi.V4_12, heaps=backwards) as bench:
        assert [(heap.name, heap.id) for heap in bench.device.heaps] == [
            ("system", 4),
            ("contig", 3),
            ("carveout", 2),
            ("chunk", 1),
            ("dma", 0),
        ]


def test_heap_query_is_as_it_was(newer: Newer) -> None:
    query = ion.IonHeapQuery()
    newer.process.ioctl(newer.fd, ion.ION_IOC_HEAP_QUERY, query)
    assert query.cnt == 5


def test_debugfs_has_the_shrinkers_only(newer: Newer) -> None:
    files = newer.bench.kernel.views.list("/sys/kernel/debug/ion")
    assert files == [f"/sys/kernel/debug/ion/{name}_shrink" for name in ("carveout", "chunk", "system")]


def test_errors_of_allocation(newer: Newer) -> None:
    refused(EINVAL, newer.alloc, SYSTEM, 0)
    refused(ENODEV, newer.alloc, 1 << 9)
    refused(ENOMEM, newer.alloc, CONTIG, 8 << 20)
    newer.process.files.limit = 1
    before = newer.bench.baseline()
    refused(EMFILE, newer.alloc)
    assert newer.bench.baseline() == before


def test_closing_the_fd_frees_the_buffer_and_closing_dev_ion_does_not(newer: Newer) -> None:
    fd = newer.alloc()
    newer.process.close(newer.fd)
    assert len(newer.bench.device.buffers) == 1
    newer.process.close(fd)
    assert newer.bench.device.buffers == []


@pytest.mark.parametrize("nth", range(1, 14))
def test_an_alloc_in_which_something_fails_leaves_nothing(newer: Newer, nth: int) -> None:
    before = newer.bench.baseline()
    faults = newer.bench.kernel.faults
    faults.fail_nth(nth)
    try:
        newer.alloc(SYSTEM, 128 * KIB)
    except Exception as error:
        assert faults.failed, error
    faults.fail_nth(0)
    newer.process.exit()
    assert newer.bench.baseline() == before


# --- as an exporter --------------------------------------------------------------------


def test_every_attachment_has_a_table_of_its_own(newer: Newer) -> None:
    dmabuf = newer.dmabuf(newer.alloc(SYSTEM, 20 * PAGE))
    get_dma_buf(dmabuf, DRIVER)
    attachments = [dma_buf_attach(dmabuf, platform_device(newer.bench.kernel, name)) for name in ("a", "b")]
    tables = [dma_buf_map_attachment_unlocked(attachment, TO) for attachment in attachments]
    buffer = dmabuf.priv
    assert tables[0] is not tables[1]
    for table in tables:
        assert table is not buffer.sg_table
        assert np.array_equal(table.dma_address, buffer.table.starts)
    for attachment, table in zip(attachments, tables, strict=True):
        dma_buf_unmap_attachment_unlocked(attachment, table, TO)
        assert table.nents == 0
        dma_buf_detach(dmabuf, attachment)
    dmabuf.file.put(DRIVER)


def test_a_device_that_cannot_reach_the_memory_is_enomem(tmp_path) -> None:
    """What 4.9 did not look at (row 40 of the checklist): the bus decides, whatever the driver's mask."""
    bench = IonBench(tmp_path, abi=IonAbi.V4_12)
    dmabuf = (newer := Newer(bench)).dmabuf(newer.alloc())
    get_dma_buf(dmabuf, DRIVER)
    device = platform_device(bench.kernel, "old")
    device.dma_mask, device.bus_dma_limit = 64, (1 << 24) - 1
    attachment = dma_buf_attach(dmabuf, device)
    refused(ENOMEM, dma_buf_map_attachment_unlocked, attachment, TO)
    (warning,) = bench.kernel.log.warnings
    assert "overflow" in warning and "bus limit ffffff" in warning
    dma_buf_detach(dmabuf, attachment)
    dmabuf.file.put(DRIVER)
    bench.close()


def test_brackets_sync_all_attachments_that_are_mapped(newer: Newer) -> None:
    kernel = newer.bench.kernel
    fd = newer.alloc(SYSTEM, PAGE, CACHED)
    dmabuf = newer.dmabuf(fd)
    address = newer.process.mmap(fd, PAGE)
    assert (newer.process.mm.find(address).frames != ABSENT).all(), "no fault mode"
    get_dma_buf(dmabuf, DRIVER)
    idle = dma_buf_attach(dmabuf, platform_device(kernel, "idle"))
    camera = platform_device(kernel, "camera")
    camera.dma_coherent = False
    attachment = dma_buf_attach(dmabuf, camera)
    table = dma_buf_map_attachment_unlocked(attachment, BOTH)
    span = PageSpan.of(dmabuf.priv.frames, 0, 5)
    newer.process.load(address, 5)
    kernel.device.write_span(span, np.frombuffer(b"frame", dtype=np.uint8))
    dma_buf_begin_cpu_access(dmabuf, BOTH)
    assert newer.process.load(address, 5) == b"frame"
    newer.process.store(address, b"drawn")
    dma_buf_end_cpu_access(dmabuf, BOTH)
    assert kernel.device.read_span(span).tobytes() == b"drawn"
    assert kernel.cache.incidents == []
    newer.process.store(address, b"stale")
    kernel.device.read_span(span)
    assert [incident.kind for incident in kernel.cache.incidents] == [Kind.STALE_DEVICE_READ], "the control"
    dma_buf_unmap_attachment_unlocked(attachment, table, BOTH)
    for one in (attachment, idle):
        dma_buf_detach(dmabuf, one)
    dmabuf.file.put(DRIVER)


def test_a_kernel_mapping_that_cannot_be_had_is_no_error_of_begin(newer: Newer) -> None:
    dmabuf = newer.dmabuf(newer.alloc())
    newer.bench.kernel.faults.fail_nth(1)
    dma_buf_begin_cpu_access(dmabuf, FROM)
    newer.bench.kernel.faults.fail_nth(0)
    assert dmabuf.priv.kmap_cnt == 0
    assert newer.bench.kernel.log.entries[-1].level == "error"


def test_the_dma_heap_is_as_it_was(newer: Newer) -> None:
    fd = newer.alloc(DMA, 3 * PAGE)
    address = newer.process.mmap(fd, 3 * PAGE)
    newer.process.store(address, b"x")
    assert not newer.process.mm.find(address).cached


def test_an_attachment_that_is_not_mapped_is_passed_by(tmp_path) -> None:
    """Kernels up to 4.18 would sync it, and DMA_API_DEBUG would complain."""
    board = IonBoard(tmp_path)
    board.config.abi = IonAbi.V4_12
    board.boot()
    process = board.kernel.process("app")
    data = IonAllocationData(PAGE, SYSTEM, CACHED)
    process.ioctl(process.open("/dev/ion"), ION_IOC_ALLOC, data)
    dmabuf = process.files.file(data.fd).private
    get_dma_buf(dmabuf, DRIVER)
    attachment = dma_buf_attach(dmabuf, Device(board.kernel, board.machine.tree.find("/ion/system")))
    dma_buf_begin_cpu_access(dmabuf, BOTH)
    dma_buf_end_cpu_access(dmabuf, BOTH)
    dma_buf_detach(dmabuf, attachment)
    dmabuf.file.put(DRIVER)
    process.exit()
    assert board.kernel.dma_debug is not None
    assert board.kernel.log.warnings == []
    board.close()
