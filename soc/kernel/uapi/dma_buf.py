"""Ioctls of a dma-buf's file: CPU access, its name, and its fences as a sync_file.

Source: include/uapi/linux/dma-buf.h.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_int32, c_uint32, c_uint64

from soc.kernel.uapi.ioctl import _IOW, _IOWR

DMA_BUF_BASE = "b"

DMA_BUF_SYNC_READ = 1 << 0
DMA_BUF_SYNC_WRITE = 2 << 0
DMA_BUF_SYNC_RW = DMA_BUF_SYNC_READ | DMA_BUF_SYNC_WRITE
DMA_BUF_SYNC_START = 0 << 2
DMA_BUF_SYNC_END = 1 << 2
DMA_BUF_SYNC_VALID_FLAGS_MASK = DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END

DMA_BUF_NAME_LEN = 32
"""Bytes of a name, its final NUL included."""


class DmaBufSync(LittleEndianStructure):
    """struct dma_buf_sync, 8 bytes: flags@0 (DMA_BUF_SYNC_*)."""

    _fields_ = (("flags", c_uint64),)
    flags: int


class DmaBufExportSyncFile(LittleEndianStructure):
    """struct dma_buf_export_sync_file, 8 bytes: flags@0 (DMA_BUF_SYNC_READ, _WRITE), fd@4 (out)."""

    _fields_ = (("flags", c_uint32), ("fd", c_int32))
    flags: int
    fd: int


class DmaBufImportSyncFile(LittleEndianStructure):
    """struct dma_buf_import_sync_file, 8 bytes: flags@0 (DMA_BUF_SYNC_READ, _WRITE), fd@4 (in)."""

    _fields_ = (("flags", c_uint32), ("fd", c_int32))
    flags: int
    fd: int


DMA_BUF_IOCTL_SYNC = _IOW(DMA_BUF_BASE, 0, DmaBufSync)

# The argument is the address of a string. Its size in the number was first that of a pointer, so 32-bit and
# 64-bit programs have different numbers for one call; A and B name them. The kernel takes both from anyone.
DMA_BUF_SET_NAME = _IOW(DMA_BUF_BASE, 1, c_uint64)
DMA_BUF_SET_NAME_A = _IOW(DMA_BUF_BASE, 1, c_uint32)
DMA_BUF_SET_NAME_B = _IOW(DMA_BUF_BASE, 1, c_uint64)

DMA_BUF_IOCTL_EXPORT_SYNC_FILE = _IOWR(DMA_BUF_BASE, 2, DmaBufExportSyncFile)
DMA_BUF_IOCTL_IMPORT_SYNC_FILE = _IOW(DMA_BUF_BASE, 3, DmaBufImportSyncFile)
