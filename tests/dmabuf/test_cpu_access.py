"""CPU access: brackets, the SYNC ioctl, fence waits, vmap and kmap, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from errno import EFAULT, EINTR, EINVAL, EIO, ENODEV, ENOTTY

import pytest

from soc.dmabuf import (
    dma_buf_begin_cpu_access,
    dma_buf_end_cpu_access,
    dma_buf_kmap,
    dma_buf_kunmap,
    dma_buf_put,
    dma_buf_vmap,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap,
    dma_buf_vunmap_unlocked,
)
from soc.dmabuf.fence import dma_fence_signal
from soc.dmabuf.resv import DmaResvUsage
from soc.kernel.errors import KernelBug, KernelError
from soc.kernel.generation import Generation
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.uapi.dma_buf import (
    DMA_BUF_IOCTL_SYNC,
    DMA_BUF_SYNC_END,
    DMA_BUF_SYNC_READ,
    DMA_BUF_SYNC_RW,
    DMA_BUF_SYNC_START,
    DMA_BUF_SYNC_WRITE,
    DmaBufSync,
)
from tests.dmabuf.paged import FRAMES, Job, PagedExporter, PagedKernel, paged_kernel

SINCE_4_9 = [generation for generation in Generation if generation >= Generation.V4_9]
READ, WRITE, BOTH = DmaDirection.FROM_DEVICE, DmaDirection.TO_DEVICE, DmaDirection.BIDIRECTIONAL


@pytest.fixture(params=SINCE_4_9, ids=str)
def generation(request: pytest.FixtureRequest) -> Generation:
    assert isinstance(request.param, Generation)
    return request.param


@pytest.fixture
def kernel(generation: Generation) -> Iterator[PagedKernel]:
    with paged_kernel(generation) as kernel:
        yield kernel


@pytest.fixture
def exporter(kernel: PagedKernel) -> PagedExporter:
    return PagedExporter(kernel)


@pytest.fixture
def app(kernel: PagedKernel) -> Process:
    return kernel.process("app")


# --- the SYNC ioctl -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "bracket"),
    [
        (DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ, ("begin", "FROM_DEVICE")),
        (DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE, ("begin", "TO_DEVICE")),
        (DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW, ("begin", "BIDIRECTIONAL")),
        (DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ, ("end", "FROM_DEVICE")),
        (DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE, ("end", "TO_DEVICE")),
        (DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW, ("end", "BIDIRECTIONAL")),
    ],
)
def test_sync_is_a_bracket_with_the_cpus_direction(
    exporter: PagedExporter, app: Process, flags: int, bracket: tuple[str, str]
) -> None:
    """An END without its START is one of the rows: it is legal."""
    fd, _ = exporter.open(app)
    assert app.ioctl(fd, DMA_BUF_IOCTL_SYNC, DmaBufSync(flags)) == 0
    assert exporter.brackets == [bracket]


@pytest.mark.parametrize("flags", [0, DMA_BUF_SYNC_END, 8 | DMA_BUF_SYNC_READ, 1 << 32 | DMA_BUF_SYNC_RW])
def test_sync_with_other_flags_is_einval(exporter: PagedExporter, app: Process, flags: int) -> None:
    fd, _ = exporter.open(app)
    with pytest.raises(KernelError) as error:
        app.ioctl(fd, DMA_BUF_IOCTL_SYNC, DmaBufSync(flags))
    assert (error.value.errno, exporter.brackets) == (EINVAL, [])


def test_sync_of_a_bad_pointer_is_efault(exporter: PagedExporter, app: Process) -> None:
    fd, _ = exporter.open(app)
    with pytest.raises(KernelError) as error:
        app.ioctl(fd, DMA_BUF_IOCTL_SYNC, None)
    assert error.value.errno == EFAULT


@pytest.mark.parametrize("cmd", [0x40086204, 0x40046200, 0x40086300, 0])
def test_another_number_is_enotty(exporter: PagedExporter, app: Process, cmd: int) -> None:
    fd, _ = exporter.open(app)
    with pytest.raises(KernelError) as error:
        app.ioctl(fd, cmd, bytearray(8))
    assert error.value.errno == ENOTTY


# --- brackets of kernel code ----------------------------------------------------------


@pytest.mark.parametrize("call", [dma_buf_begin_cpu_access, dma_buf_end_cpu_access])
def test_a_bracket_of_nothing_is_einval_and_of_an_exporter_without_it_nothing(
    kernel: PagedKernel, exporter: PagedExporter, call: object
) -> None:
    assert callable(call)
    with pytest.raises(KernelError) as error:
        call(None, READ)
    assert error.value.errno == EINVAL
    call(exporter.export(ops=exporter.ops()), READ)
    assert (exporter.calls, kernel.log.warnings) == ([], [])


def test_the_exporters_errno_comes_as_it_is_and_before_any_wait(kernel: PagedKernel) -> None:
    exporter = PagedExporter(kernel, fail=("begin", EIO))
    dmabuf = exporter.export()
    Job(kernel).on(dmabuf, DmaResvUsage.WRITE)
    with pytest.raises(KernelError) as error:
        dma_buf_begin_cpu_access(dmabuf, READ)
    assert error.value.errno == EIO


@pytest.mark.parametrize(
    ("direction", "usage", "waits"),
    [
        (READ, DmaResvUsage.KERNEL, True),
        (READ, DmaResvUsage.WRITE, True),
        (READ, DmaResvUsage.READ, False),
        (READ, DmaResvUsage.BOOKKEEP, False),
        (WRITE, DmaResvUsage.KERNEL, True),
        (WRITE, DmaResvUsage.WRITE, True),
        (WRITE, DmaResvUsage.READ, True),
        (WRITE, DmaResvUsage.BOOKKEEP, False),
        (BOTH, DmaResvUsage.READ, True),
        (BOTH, DmaResvUsage.BOOKKEEP, False),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_whom_the_cpu_waits_for(
    kernel: PagedKernel, exporter: PagedExporter, direction: DmaDirection, usage: DmaResvUsage, waits: bool
) -> None:
    dmabuf = exporter.export()
    fence = Job(kernel).on(dmabuf, usage)
    kernel.clock.after(500, lambda: dma_fence_signal(fence))
    dma_buf_begin_cpu_access(dmabuf, direction)
    assert exporter.brackets == [("begin", direction.name)], "the exporter first, then the fences"
    assert kernel.clock.now == (500 if waits else 0)


def test_a_signal_ends_the_wait_with_eintr(
    kernel: PagedKernel, exporter: PagedExporter, app: Process
) -> None:
    fd, dmabuf = exporter.open(app)
    Job(kernel).on(dmabuf, DmaResvUsage.WRITE)
    kernel.clock.after(10, app.send_signal)
    with pytest.raises(KernelError) as error:
        app.ioctl(fd, DMA_BUF_IOCTL_SYNC, DmaBufSync(DMA_BUF_SYNC_READ))
    assert error.value.errno == EINTR


@pytest.mark.parametrize("generation", [Generation.V2011], ids=str)
def test_2011_gives_the_cpu_no_access(exporter: PagedExporter) -> None:
    with pytest.raises(KernelError) as error:
        dma_buf_begin_cpu_access(exporter.export(), READ)
    assert error.value.errno == ENODEV


# --- vmap and kmap ----------------------------------------------------------------------


def test_vmap_is_counted_and_gives_the_same_address(kernel: PagedKernel, exporter: PagedExporter) -> None:
    dmabuf = exporter.export()
    first, second = dma_buf_vmap_unlocked(dmabuf), dma_buf_vmap_unlocked(dmabuf)
    assert first is second
    first.write(b"seen", 4096)
    assert bytes(kernel.dram.view(int(FRAMES[1]) << 12, 4)) == b"seen"
    dma_buf_vunmap_unlocked(dmabuf, first)
    assert exporter.calls == ["vmap dma-buf 1 'test'"]
    dma_buf_vunmap_unlocked(dmabuf, first)
    assert exporter.calls == ["vmap dma-buf 1 'test'", "vunmap dma-buf 1 'test'"]
    assert kernel.log.warnings == []


def test_vmap_of_nothing_or_without_the_operation_is_einval(
    kernel: PagedKernel, exporter: PagedExporter
) -> None:
    dmabuf = exporter.export(ops=replace(exporter.paged_ops(), vmap=None))
    for buffer in (None, dmabuf):
        for call in (dma_buf_vmap, dma_buf_vmap_unlocked):
            with pytest.raises(KernelError) as error:
                call(buffer)
            assert error.value.errno == EINVAL


def test_a_failed_vmap_counts_nothing(kernel: PagedKernel) -> None:
    dmabuf = PagedExporter(kernel, fail=("vmap", EIO)).export()
    with pytest.raises(KernelError):
        dma_buf_vmap_unlocked(dmabuf)
    assert dmabuf.vmapping_counter == 0


def test_vunmap_too_often_or_of_something_else_is_a_bug(kernel: PagedKernel, exporter: PagedExporter) -> None:
    dmabuf, other = exporter.export(), exporter.export()
    mapping, foreign = dma_buf_vmap_unlocked(dmabuf), dma_buf_vmap_unlocked(other)
    with dmabuf.resv.locked(), pytest.raises(KernelBug, match="dma-buf 1 'test' is not vmapped there"):
        dma_buf_vunmap(dmabuf, foreign)
    dma_buf_vunmap_unlocked(dmabuf, mapping)
    with dmabuf.resv.locked(), pytest.raises(KernelBug):
        dma_buf_vunmap(dmabuf, mapping)


def test_a_last_put_while_vmapped_is_a_bug(kernel: PagedKernel, exporter: PagedExporter) -> None:
    dmabuf = exporter.export()
    dma_buf_vmap_unlocked(dmabuf)
    with pytest.raises(KernelBug, match="dma-buf 1 'test' is still vmapped 1 times$"):
        dma_buf_put(dmabuf, dmabuf.exporter)


def test_kmap_is_a_page_and_only_of_4_9(kernel: PagedKernel, exporter: PagedExporter) -> None:
    dmabuf = exporter.export()
    if kernel.generation is not Generation.V4_9:
        with pytest.raises(KernelError) as error:
            dma_buf_kmap(dmabuf, 0)
        assert error.value.errno == EINVAL
        return
    page = dma_buf_kmap(dmabuf, 2)
    assert page is not None
    page.write(b"third")
    dma_buf_kunmap(dmabuf, 2, page)
    assert bytes(kernel.dram.view(int(FRAMES[2]) << 12, 5)) == b"third"
    assert dma_buf_kmap(exporter.export(ops=exporter.ops()), 0) is None
