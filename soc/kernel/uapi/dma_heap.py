"""The ioctl of /dev/dma_heap/<name>.

Source: include/uapi/linux/dma-heap.h.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_uint32, c_uint64

from soc.kernel.uapi.ioctl import _IOWR

DMA_HEAP_IOC_MAGIC = "H"

DMA_HEAP_VALID_FD_FLAGS = 0x80000 | 0x3
"""O_CLOEXEC and O_ACCMODE, as arm64 and x86 number them."""

DMA_HEAP_VALID_HEAP_FLAGS = 0


class DmaHeapAllocationData(LittleEndianStructure):
    """struct dma_heap_allocation_data, 24 bytes: len@0 (bytes), fd@8 (0 in; out), fd_flags@12 (O_*),
    heap_flags@16.
    """

    _fields_ = (("len", c_uint64), ("fd", c_uint32), ("fd_flags", c_uint32), ("heap_flags", c_uint64))
    len: int
    fd: int
    fd_flags: int
    heap_flags: int


DMA_HEAP_IOCTL_ALLOC = _IOWR(DMA_HEAP_IOC_MAGIC, 0, DmaHeapAllocationData)
