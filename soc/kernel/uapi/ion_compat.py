"""What a 32-bit program sends to a 64-bit kernel's /dev/ion of Linux 4.9.

Only structures with `size_t` or `unsigned long` differ; COMPAT_ION_IOC_FREE has ION_IOC_FREE's number, and
the other ioctls are those of `ion.py`.
Source: drivers/staging/android/ion/compat_ion.c.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_int32, c_uint32

from soc.kernel.uapi.ioctl import _IOWR
from soc.kernel.uapi.ion import ION_IOC_MAGIC


class CompatIonAllocationData(LittleEndianStructure):
    """struct compat_ion_allocation_data, 20 bytes: len@0 and align@4 (bytes), heap_id_mask@8,
    flags@12 (ION_FLAG_*), handle@16 (out).
    """

    _fields_ = (
        ("len", c_uint32),
        ("align", c_uint32),
        ("heap_id_mask", c_uint32),
        ("flags", c_uint32),
        ("handle", c_int32),
    )
    len: int
    align: int
    heap_id_mask: int
    flags: int
    handle: int


class CompatIonHandleData(LittleEndianStructure):
    """struct compat_ion_handle_data, 4 bytes: handle@0."""

    _fields_ = (("handle", c_int32),)
    handle: int


class CompatIonCustomData(LittleEndianStructure):
    """struct compat_ion_custom_data, 8 bytes: cmd@0, arg@4 (what the driver makes of it)."""

    _fields_ = (("cmd", c_uint32), ("arg", c_uint32))
    cmd: int
    arg: int


COMPAT_ION_IOC_ALLOC = _IOWR(ION_IOC_MAGIC, 0, CompatIonAllocationData)
COMPAT_ION_IOC_FREE = _IOWR(ION_IOC_MAGIC, 1, CompatIonHandleData)
COMPAT_ION_IOC_CUSTOM = _IOWR(ION_IOC_MAGIC, 6, CompatIonCustomData)
