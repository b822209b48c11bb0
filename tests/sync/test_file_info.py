"""SYNC_IOC_FILE_INFO, SEMANTICS 2.3: byte for byte, and every way to ask wrongly."""

from __future__ import annotations

import struct
from errno import EFAULT, EINVAL, ENOMEM
from mmap import PROT_READ

import pytest

from soc.dmabuf.fence import (
    dma_fence_array_create,
    dma_fence_get,
    dma_fence_set_error,
    dma_fence_signal,
    dma_fence_signal_timestamp,
)
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.uapi.sync_file import SYNC_IOC_FILE_INFO, SyncFileInfo
from tests.fence.bench import make_fence
from tests.sync.bench import App


def three(kernel: KernelCore, app: App) -> int:
    """A file with one fence that signalled at 77 ns, one that failed, and one that is pending."""
    fences = [make_fence(kernel, context, 10 + context) for context in (1, 2, 3)]
    dma_fence_signal_timestamp(fences[0], 77)
    dma_fence_set_error(fences[1], -5)
    dma_fence_signal_timestamp(fences[1], 99)
    return app.hand_out(dma_fence_array_create(kernel, fences, 4, 1))


def ask(app: App, fd: int, room: int, address: int) -> bytes:
    """The 56 bytes as the kernel leaves them."""
    data = bytearray(struct.pack("<32siIIIQ", b"old name", -1, 0, room, 0, address))
    app.process.ioctl(fd, SYNC_IOC_FILE_INFO, data)
    return bytes(data)


def test_the_56_bytes_of_a_file_asked_for_the_count(kernel: KernelCore, app: App) -> None:
    fd = three(kernel, app)
    assert ask(app, fd, 0, 0) == (
        b"dma_fence_array-unbound4-1".ljust(32, b"\0")
        + b"\x00\x00\x00\x00"  # status: active
        + b"\x00\x00\x00\x00"  # flags
        + b"\x03\x00\x00\x00"  # num_fences
        + b"\x00\x00\x00\x00"  # pad
        + b"\x00\x00\x00\x00\x00\x00\x00\x00"  # sync_fence_info
    )


def test_the_80_bytes_of_each_fence(kernel: KernelCore, app: App) -> None:
    fd = three(kernel, app)
    address = app.process.mmap(None, 4096)
    app.process.store(address + 240, b"\xa5" * 8)
    ask(app, fd, 3, address)
    data = app.process.load(address, 248)
    names = b"ring".ljust(32, b"\0") + b"gpu".ljust(32, b"\0")
    done = b"\x01\x00\x00\x00" + bytes(4) + b"\x4d\x00\x00\x00\x00\x00\x00\x00"
    failed = b"\xfb\xff\xff\xff" + bytes(4) + b"\x63\x00\x00\x00\x00\x00\x00\x00"
    pending = bytes(4) + bytes(4) + bytes(8)
    assert data == names + done + names + failed + names + pending + b"\xa5" * 8


def test_with_room_for_more_only_what_there_is_is_written(kernel: KernelCore, app: App) -> None:
    fd = app.hand_out(make_fence(kernel))
    address = app.process.mmap(None, 4096)
    app.process.store(address, b"\xa5" * 200)
    assert ask(app, fd, 9, address)[40:44] == b"\x01\x00\x00\x00"
    assert app.process.load(address + 80, 120) == b"\xa5" * 120


def test_names_longer_than_the_fields_are_cut(kernel: KernelCore, app: App) -> None:
    fence = make_fence(kernel)
    fence.driver_name, fence.timeline_name = "d" * 40, "t" * 40
    info = app.fences(app.hand_out(fence))[0]
    assert (info.driver_name, info.obj_name) == (b"d" * 31, b"t" * 31)


@pytest.mark.parametrize("room", [0, 3], ids=["count only", "with fences"])
@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ([None, None, None], 0),
        ([0, None, 0], 0),
        ([0, 0, 0], 1),
        ([0, -5, 0], -5),
        ([0, -5, -110], -5),
    ],
    ids=["active", "one active", "all well", "an error", "the first error"],
)
def test_the_status_of_the_file(
    kernel: KernelCore, app: App, errors: list[int | None], status: int, room: int
) -> None:
    fences = [make_fence(kernel) for _ in errors]
    fd = app.hand_out(dma_fence_array_create(kernel, fences, 99, 1))
    for fence, error in zip(fences, errors, strict=True):
        if error:
            dma_fence_set_error(fence, error)
        if error is not None:
            dma_fence_signal(fence)
    address = app.process.mmap(None, 4096)
    assert app.info(fd, room, address).status == status


@pytest.mark.parametrize(
    ("room", "status"), [(0, 0), (2, -5)], ids=["count only: the array is active", "with fences: the first"]
)
def test_an_error_of_an_early_fence_shows_before_the_rest_is_done(
    kernel: KernelCore, app: App, room: int, status: int
) -> None:
    failed, pending = make_fence(kernel), make_fence(kernel)
    dma_fence_set_error(failed, -5)
    dma_fence_signal(failed)
    fd = app.hand_out(dma_fence_array_create(kernel, [failed, pending], 99, 1))
    assert app.info(fd, room, app.process.mmap(None, 4096)).status == status


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"flags": 1}, "SYNC_IOC_FILE_INFO: flags 0x1, pad 0x0"),
        ({"pad": 9}, "SYNC_IOC_FILE_INFO: flags 0x0, pad 0x9"),
        ({"num_fences": 2}, "SYNC_IOC_FILE_INFO: room for 2 of 3 fences"),
    ],
    ids=["flags", "pad", "too little room"],
)
def test_wrong_questions_are_einval_and_nothing_is_written(
    kernel: KernelCore, app: App, change: dict[str, int], why: str
) -> None:
    fd = three(kernel, app)
    address = app.process.mmap(None, 4096)
    data = SyncFileInfo(**{"name": b"old", "sync_fence_info": address, **change})
    with pytest.raises(KernelError) as refused:
        app.process.ioctl(fd, SYNC_IOC_FILE_INFO, data)
    assert (refused.value.errno, refused.value.why, data.name) == (EINVAL, why, b"old")
    assert app.process.load(address, 240) == bytes(240)


@pytest.mark.parametrize("prot", [None, PROT_READ], ids=["no memory", "read only"])
def test_an_array_that_cannot_be_written_is_efault(kernel: KernelCore, app: App, prot: int | None) -> None:
    fd = three(kernel, app)
    address = 0xBAD_0000 if prot is None else app.process.mmap(None, 4096, prot)
    with pytest.raises(KernelError) as refused:
        app.info(fd, 3, address)
    assert refused.value.errno == EFAULT


def test_without_memory_for_the_array_it_is_enomem(kernel: KernelCore, app: App) -> None:
    fd = three(kernel, app)
    kernel.faults.fail_nth(1, FaultSite.SLAB)
    with pytest.raises(KernelError) as refused:
        app.info(fd, 3, app.process.mmap(None, 4096))
    assert refused.value.errno == ENOMEM


def test_the_time_is_that_of_the_signal(kernel: KernelCore, app: App) -> None:
    fence = make_fence(kernel)
    fd = app.hand_out(dma_fence_get(fence))
    kernel.clock.advance(5000)
    assert app.fences(fd)[0].timestamp_ns == 0
    dma_fence_signal(fence)
    kernel.clock.advance(9000)
    assert app.fences(fd)[0].timestamp_ns == 5000
