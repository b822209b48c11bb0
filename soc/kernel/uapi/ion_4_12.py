"""Ioctls of /dev/ion without handles, Linux 4.12 to 5.10: an allocation is a dma-buf fd.

Heap types, ION_FLAG_CACHED and ION_IOC_HEAP_QUERY are those of `ion.py`. One layout for 32-bit and 64-bit
programs. ION_IOC_ABI_VERSION is Android's addition of 4.19.
Source: drivers/staging/android/uapi/ion.h.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_uint32, c_uint64

from soc.kernel.uapi.ioctl import _IOR, _IOWR
from soc.kernel.uapi.ion import ION_IOC_MAGIC


class IonAllocationData(LittleEndianStructure):
    """struct ion_allocation_data, 24 bytes: len@0 (bytes), heap_id_mask@8, flags@12 (ION_FLAG_*),
    fd@16 (out), unused@20.
    """

    _fields_ = (
        ("len", c_uint64),
        ("heap_id_mask", c_uint32),
        ("flags", c_uint32),
        ("fd", c_uint32),
        ("unused", c_uint32),
    )
    len: int
    heap_id_mask: int
    flags: int
    fd: int
    unused: int


ION_IOC_ALLOC = _IOWR(ION_IOC_MAGIC, 0, IonAllocationData)
ION_IOC_ABI_VERSION = _IOR(ION_IOC_MAGIC, 9, c_uint32)
