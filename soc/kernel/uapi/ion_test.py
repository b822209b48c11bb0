"""Ioctls of /dev/ion-test, which reads and writes a dma-buf through a DMA or a kernel mapping.

Source: drivers/staging/android/uapi/ion_test.h.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_int32, c_uint64

from soc.kernel.uapi.ioctl import _IO, _IOW
from soc.kernel.uapi.ion import ION_IOC_MAGIC


class IonTestRwData(LittleEndianStructure):
    """struct ion_test_rw_data, 32 bytes: ptr@0 (user address), offset@8 and size@16 (bytes),
    write@24 (1: into the buffer, 0: out of it), padding@28 (C: __padding).
    """

    _fields_ = (
        ("ptr", c_uint64),
        ("offset", c_uint64),
        ("size", c_uint64),
        ("write", c_int32),
        ("padding", c_int32),
    )
    ptr: int
    offset: int
    size: int
    write: int
    padding: int


# The argument is the dma-buf's fd itself, or -1 to let go of the one before.
ION_IOC_TEST_SET_FD = _IO(ION_IOC_MAGIC, 0xF0)
ION_IOC_TEST_DMA_MAPPING = _IOW(ION_IOC_MAGIC, 0xF1, IonTestRwData)
ION_IOC_TEST_KERNEL_MAPPING = _IOW(ION_IOC_MAGIC, 0xF2, IonTestRwData)
