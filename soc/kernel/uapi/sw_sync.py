"""Ioctls of debugfs `sync/sw_sync`, the timelines of tests.

Source: drivers/dma-buf/sw_sync.c, which declares them itself: there is no header.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_char, c_int32, c_uint32, c_uint64

from soc.kernel.uapi.ioctl import _IOW, _IOWR

SW_SYNC_IOC_MAGIC = "W"


class SwSyncCreateFenceData(LittleEndianStructure):
    """struct sw_sync_create_fence_data, 40 bytes: value@0 (the timeline's, at which it signals), name@4,
    fence@36 (out, the new fd).
    """

    _fields_ = (("value", c_uint32), ("name", c_char * 32), ("fence", c_int32))
    value: int
    name: bytes
    fence: int


class SwSyncGetDeadline(LittleEndianStructure):
    """struct sw_sync_get_deadline, 16 bytes: deadline_ns@0 (out, CLOCK_MONOTONIC), pad@8 (0),
    fence_fd@12 (in).
    """

    _fields_ = (("deadline_ns", c_uint64), ("pad", c_uint32), ("fence_fd", c_int32))
    deadline_ns: int
    pad: int
    fence_fd: int


SW_SYNC_IOC_CREATE_FENCE = _IOWR(SW_SYNC_IOC_MAGIC, 0, SwSyncCreateFenceData)
SW_SYNC_IOC_INC = _IOW(SW_SYNC_IOC_MAGIC, 1, c_uint32)
SW_SYNC_GET_DEADLINE = _IOWR(SW_SYNC_IOC_MAGIC, 2, SwSyncGetDeadline)
