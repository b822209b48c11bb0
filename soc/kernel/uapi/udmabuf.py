"""Ioctls of /dev/udmabuf: dma-bufs of a memfd's pages.

Source: include/uapi/linux/udmabuf.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import Array, LittleEndianStructure, c_uint32, c_uint64

from soc.kernel.uapi.ioctl import _IOW

UDMABUF_FLAGS_CLOEXEC = 0x01


class UdmabufCreate(LittleEndianStructure):
    """struct udmabuf_create, 24 bytes: memfd@0, flags@4 (UDMABUF_FLAGS_*), offset@8 and size@16 (bytes,
    whole pages).
    """

    _fields_ = (("memfd", c_uint32), ("flags", c_uint32), ("offset", c_uint64), ("size", c_uint64))
    memfd: int
    flags: int
    offset: int
    size: int


class UdmabufCreateItem(LittleEndianStructure):
    """struct udmabuf_create_item, 24 bytes: memfd@0, pad@4 (C: __pad), offset@8 and size@16 (bytes, whole
    pages).
    """

    _fields_ = (("memfd", c_uint32), ("pad", c_uint32), ("offset", c_uint64), ("size", c_uint64))
    memfd: int
    pad: int
    offset: int
    size: int


class UdmabufCreateList(LittleEndianStructure):
    """struct udmabuf_create_list, 8 bytes: flags@0 (UDMABUF_FLAGS_*), count@4, list@8 (the items that
    follow; none are counted in the size).
    """

    _fields_ = (("flags", c_uint32), ("count", c_uint32), ("list", UdmabufCreateItem * 0))
    flags: int
    count: int
    list: Array[UdmabufCreateItem]


UDMABUF_CREATE = _IOW("u", 0x42, UdmabufCreate)
UDMABUF_CREATE_LIST = _IOW("u", 0x43, UdmabufCreateList)


def udmabuf_create_list(items: Sequence[UdmabufCreateItem], flags: int = 0) -> bytearray:
    """The argument of UDMABUF_CREATE_LIST: the head and `items`, 8 + 24 * len(items) bytes."""
    return bytearray(UdmabufCreateList(flags, len(items))) + b"".join(map(bytes, items))
