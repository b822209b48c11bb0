"""/dev/ion-test: reads and writes any dma-buf, as a device would and as kernel code does.

    SET_FD          the buffer that is meant from now on; the argument is the fd, -1 for none
    DMA_MAPPING     attach, map for both directions, move the bytes past the CPU's cache, unmap
    KERNEL_MAPPING  begin_cpu_access, move the bytes page by page (kmap), end_cpu_access

`ion_test_init` is a module of the kernel. Source: drivers/staging/android/ion/ion_test.c (4.9).

Closing the file puts its buffer; Linux keeps it for ever.
"""

from __future__ import annotations

from ctypes import sizeof
from dataclasses import dataclass
from errno import EINVAL, ENOMEM, ENOTTY
from typing import TYPE_CHECKING, cast

from heaps.ion.platform_data import platform_device
from soc.address import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from soc.dmabuf import (
    DmaBuf,
    dma_buf_attach,
    dma_buf_begin_cpu_access,
    dma_buf_detach,
    dma_buf_end_cpu_access,
    dma_buf_get,
    dma_buf_kmap,
    dma_buf_kunmap,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
)
from soc.kernel.device import Device
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.uaccess import copy_from_user, copy_to_user, get_user
from soc.kernel.uapi.catalogue import describe
from soc.kernel.uapi.ioctl import _IOC_SIZE
from soc.kernel.uapi.ion_test import (
    ION_IOC_TEST_DMA_MAPPING,
    ION_IOC_TEST_KERNEL_MAPPING,
    ION_IOC_TEST_SET_FD,
    IonTestRwData,
)

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel
    from soc.kernel.task import Task

DEV_ION_TEST = "/dev/ion-test"


@dataclass(eq=False)
class IonTestData:
    """One open file: the device that does its DMA, and the buffer that is set, held by `holder`."""

    device: Device
    holder: Holder
    dma_buf: DmaBuf | None = None

    def set(self, dma_buf: DmaBuf | None) -> None:
        """Put the buffer there was."""
        before, self.dma_buf = self.dma_buf, dma_buf
        if before is not None:
            dma_buf_put(before, self.holder)


def ion_test_init(kernel: Kernel) -> None:
    """Make /dev/ion-test. -EEXIST."""
    device = platform_device(kernel, "ion-test")

    def open_(task: Task, flags: int, holder: Holder) -> File:
        kernel.faults.kmalloc("ion_test_data")
        data = IonTestData(device, Holder("importer", f"ion-test of {task}"))
        return kernel.files.open(ION_TEST_FOPS, data, "ion-test", holder, flags)

    kernel.devfs.add(DEV_ION_TEST, open_)


def ion_test_exit(kernel: Kernel) -> None:
    """Remove it; files that are open live on."""
    kernel.devfs.remove(DEV_ION_TEST)


def _ioctl(task: Task, file: File, cmd: int, arg: int) -> int:
    """-EINVAL for a large argument, without a buffer or beyond its end; -EFAULT, -ENOTTY, an exporter's."""
    test = cast(IonTestData, file.private)
    if _IOC_SIZE(cmd) > sizeof(IonTestRwData):
        raise KernelError(EINVAL, f"{describe(cmd)}: no argument has {_IOC_SIZE(cmd)} bytes")
    if cmd == ION_IOC_TEST_SET_FD:
        fd = (arg & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000
        test.set(dma_buf_get(task, fd, test.holder) if fd >= 0 else None)
        return 0
    if cmd not in (ION_IOC_TEST_DMA_MAPPING, ION_IOC_TEST_KERNEL_MAPPING):
        raise KernelError(ENOTTY, f"{DEV_ION_TEST} has no ioctl {describe(cmd)}")
    data = get_user(task, arg, IonTestRwData)
    if test.dma_buf is None:
        raise KernelError(EINVAL, f"{DEV_ION_TEST}: no dma-buf is set")
    if cmd == ION_IOC_TEST_DMA_MAPPING:
        _test_dma(task, test.device, test.dma_buf, data)
    else:
        _test_kernel(task, test.dma_buf, data)
    return 0


def _test_dma(task: Task, device: Device, dma_buf: DmaBuf, data: IonTestRwData) -> None:
    attachment = dma_buf_attach(dma_buf, device)
    try:
        table = dma_buf_map_attachment_unlocked(attachment, DmaDirection.BIDIRECTIONAL)
        try:
            frames = table.frames()
            for page, offset, size, pointer in _pieces(data, len(frames) << PAGE_SHIFT):
                view = KernelMapping(dma_buf.kernel, frames[page : page + 1], device.name, cached=False)
                _copy(task, view, offset, size, pointer, data.write)
        finally:
            dma_buf_unmap_attachment_unlocked(attachment, table, DmaDirection.BIDIRECTIONAL)
    finally:
        dma_buf_detach(dma_buf, attachment)


def _test_kernel(task: Task, dma_buf: DmaBuf, data: IonTestRwData) -> None:
    if data.offset > dma_buf.size or data.size > dma_buf.size - data.offset:
        raise KernelError(
            EINVAL, f"{data.size} bytes at {data.offset} of {dma_buf}, which has {dma_buf.size}"
        )
    direction = DmaDirection.FROM_DEVICE if data.write else DmaDirection.TO_DEVICE
    dma_buf_begin_cpu_access(dma_buf, direction)
    try:
        for page, offset, size, pointer in _pieces(data, dma_buf.size):
            view = dma_buf_kmap(dma_buf, page)
            if view is None:
                raise KernelError(ENOMEM, f"page {page} of {dma_buf} cannot be mapped")
            try:
                _copy(task, view, offset, size, pointer, data.write)
            finally:
                dma_buf_kunmap(dma_buf, page, view)
    finally:
        dma_buf_end_cpu_access(dma_buf, direction)


def _pieces(data: IonTestRwData, end: int) -> list[tuple[int, int, int, int]]:
    """(page, offset in it, bytes, user address) of what is to be copied, up to byte `end` of the buffer."""
    pieces, at, end = [], data.offset, min(data.offset + data.size, end)
    while at < end:
        length = min(PAGE_SIZE - (at & PAGE_MASK), end - at)
        pieces.append((at >> PAGE_SHIFT, at & PAGE_MASK, length, data.ptr + at - data.offset))
        at += length
    return pieces


def _copy(task: Task, view: KernelMapping, offset: int, size: int, pointer: int, write: int) -> None:
    if write:
        view.write(copy_from_user(task, pointer, size), offset)
    else:
        copy_to_user(task, pointer, view.read(offset, size).tobytes())


def _release(file: File) -> None:
    cast(IonTestData, file.private).set(None)


ION_TEST_FOPS = FileOperations("ion-test", _release, ioctl=_ioctl, link=lambda file: DEV_ION_TEST)
