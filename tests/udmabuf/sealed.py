"""memfds that a udmabuf can be made of, and the calls that make it."""

from __future__ import annotations

from soc.kernel.process import Process
from soc.kernel.uapi.memfd import F_ADD_SEALS, F_SEAL_SHRINK, MFD_ALLOW_SEALING
from soc.kernel.uapi.udmabuf import (
    UDMABUF_CREATE,
    UDMABUF_CREATE_LIST,
    UdmabufCreate,
    UdmabufCreateItem,
    udmabuf_create_list,
)
from tests.dma_heap.bench import PAGE

DEVICE = "/dev/udmabuf"


def memfd(process: Process, pages: int, seals: int = F_SEAL_SHRINK) -> int:
    """An fd of `pages` pages with `seals`."""
    fd = process.memfd_create("pages", MFD_ALLOW_SEALING)
    process.ftruncate(fd, pages * PAGE)
    process.fcntl(fd, F_ADD_SEALS, seals)
    return fd


def create(
    process: Process, memory: int, offset: int, size: int, flags: int = 0, device: int | None = None
) -> int:
    """UDMABUF_CREATE, on an fd of the device if one is given."""
    fd = process.open(DEVICE) if device is None else device
    try:
        return process.ioctl(fd, UDMABUF_CREATE, UdmabufCreate(memory, flags, offset, size))
    finally:
        if device is None:
            process.close(fd)


def create_list(
    process: Process, items: list[tuple[int, int, int]], flags: int = 0, count: int | None = None
) -> int:
    """UDMABUF_CREATE_LIST of (memfd, offset, size); `count` is what the head says."""
    arg = udmabuf_create_list([UdmabufCreateItem(fd, 0, offset, size) for fd, offset, size in items], flags)
    if count is not None:
        arg[4:8] = count.to_bytes(4, "little")
    fd = process.open(DEVICE)
    try:
        return process.ioctl(fd, UDMABUF_CREATE_LIST, arg)
    finally:
        process.close(fd)
