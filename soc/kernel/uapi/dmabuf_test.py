"""Ioctls of /dev/dmabuf-test, a driver that shares a dma-buf with user space, one way and the other.

The driver comes from a published introduction to ION which does not print its header. Names and the use of
`fd` are the introduction's; magic, numbers and layout are ours: ion-test's structure, whose driver that one
resembles, with the fd where it has padding.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_int32, c_uint64

from soc.kernel.uapi.ioctl import _IOR, _IOW

DMABUF_IOC_MAGIC = "D"


class DmabufTestRwData(LittleEndianStructure):
    """struct dmabuf_test_rw_data, 32 bytes: ptr@0, offset@8, size@16 and write@24 as in ion-test (the driver
    uses none of them), fd@28 (out of GET_FD_FROM_KERNEL, into GET_FD_FROM_USER).
    """

    _fields_ = (
        ("ptr", c_uint64),
        ("offset", c_uint64),
        ("size", c_uint64),
        ("write", c_int32),
        ("fd", c_int32),
    )
    ptr: int
    offset: int
    size: int
    write: int
    fd: int


DMABUF_IOC_TEST_GET_FD_FROM_KERNEL = _IOR(DMABUF_IOC_MAGIC, 0xF0, DmabufTestRwData)
DMABUF_IOC_TEST_GET_FD_FROM_USER = _IOW(DMABUF_IOC_MAGIC, 0xF1, DmabufTestRwData)
