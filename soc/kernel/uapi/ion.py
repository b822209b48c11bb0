"""Ioctls of /dev/ion with clients and handles, for 64-bit programs: Linux 4.9.

`size_t` and `unsigned long` have 64 bits here, which leaves padding in two structures; `ion_compat.py` has
the structures of 32-bit programs, `ion_4_12.py` the ABI that came after this one.
Source: drivers/staging/android/uapi/ion.h; the masks are those of older headers and of libion.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_char, c_int32, c_uint32, c_uint64

from soc.kernel.uapi.ioctl import _IOWR

ION_IOC_MAGIC = "I"

ION_HEAP_TYPE_SYSTEM = 0
ION_HEAP_TYPE_SYSTEM_CONTIG = 1
ION_HEAP_TYPE_CARVEOUT = 2
ION_HEAP_TYPE_CHUNK = 3
ION_HEAP_TYPE_DMA = 4
ION_HEAP_TYPE_CUSTOM = 5
"""The first type that a device may define for itself."""

ION_NUM_HEAP_IDS = 32

# A heap is chosen by its id. These are right only where a board gave each heap its type as its id.
ION_HEAP_SYSTEM_MASK = 1 << ION_HEAP_TYPE_SYSTEM
ION_HEAP_SYSTEM_CONTIG_MASK = 1 << ION_HEAP_TYPE_SYSTEM_CONTIG
ION_HEAP_CARVEOUT_MASK = 1 << ION_HEAP_TYPE_CARVEOUT
ION_HEAP_TYPE_DMA_MASK = 1 << ION_HEAP_TYPE_DMA

ION_FLAG_CACHED = 1
ION_FLAG_CACHED_NEEDS_SYNC = 2

MAX_HEAP_NAME = 32
"""Bytes of a heap's name in a query, its final NUL included."""


class IonAllocationData(LittleEndianStructure):
    """struct ion_allocation_data, 32 bytes: len@0 and align@8 (bytes), heap_id_mask@16, flags@20
    (ION_FLAG_*), handle@24 (out), then 4 of padding.
    """

    _fields_ = (
        ("len", c_uint64),
        ("align", c_uint64),
        ("heap_id_mask", c_uint32),
        ("flags", c_uint32),
        ("handle", c_int32),
    )
    len: int
    align: int
    heap_id_mask: int
    flags: int
    handle: int


class IonFdData(LittleEndianStructure):
    """struct ion_fd_data, 8 bytes: handle@0, fd@4; which is in and which is out depends on the ioctl."""

    _fields_ = (("handle", c_int32), ("fd", c_int32))
    handle: int
    fd: int


class IonHandleData(LittleEndianStructure):
    """struct ion_handle_data, 4 bytes: handle@0."""

    _fields_ = (("handle", c_int32),)
    handle: int


class IonCustomData(LittleEndianStructure):
    """struct ion_custom_data, 16 bytes: cmd@0, 4 of padding, arg@8 (what the driver makes of it)."""

    _fields_ = (("cmd", c_uint32), ("arg", c_uint64))
    cmd: int
    arg: int


class IonHeapData(LittleEndianStructure):
    """struct ion_heap_data, 52 bytes, an entry of a query: name@0, type@32 (ION_HEAP_TYPE_*), heap_id@36,
    reserved0@40, reserved1@44, reserved2@48.
    """

    _fields_ = (
        ("name", c_char * MAX_HEAP_NAME),
        ("type", c_uint32),
        ("heap_id", c_uint32),
        ("reserved0", c_uint32),
        ("reserved1", c_uint32),
        ("reserved2", c_uint32),
    )
    name: bytes
    type: int
    heap_id: int
    reserved0: int
    reserved1: int
    reserved2: int


class IonHeapQuery(LittleEndianStructure):
    """struct ion_heap_query, 24 bytes: cnt@0 (room in, count out), reserved0@4, heaps@8 (user address of
    ion_heap_data entries, 0 to ask for the count), reserved1@16, reserved2@20.
    """

    _fields_ = (
        ("cnt", c_uint32),
        ("reserved0", c_uint32),
        ("heaps", c_uint64),
        ("reserved1", c_uint32),
        ("reserved2", c_uint32),
    )
    cnt: int
    reserved0: int
    heaps: int
    reserved1: int
    reserved2: int


ION_IOC_ALLOC = _IOWR(ION_IOC_MAGIC, 0, IonAllocationData)
ION_IOC_FREE = _IOWR(ION_IOC_MAGIC, 1, IonHandleData)
ION_IOC_MAP = _IOWR(ION_IOC_MAGIC, 2, IonFdData)
ION_IOC_SHARE = _IOWR(ION_IOC_MAGIC, 4, IonFdData)
ION_IOC_IMPORT = _IOWR(ION_IOC_MAGIC, 5, IonFdData)
ION_IOC_CUSTOM = _IOWR(ION_IOC_MAGIC, 6, IonCustomData)
ION_IOC_SYNC = _IOWR(ION_IOC_MAGIC, 7, IonFdData)
ION_IOC_HEAP_QUERY = _IOWR(ION_IOC_MAGIC, 8, IonHeapQuery)
