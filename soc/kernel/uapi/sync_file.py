"""Ioctls of a sync_file: fences as a file descriptor.

Source: include/uapi/linux/sync_file.h.

Not modelled: numbers 0 to 2 of the magic, the staging driver's of before Linux 4.7.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_char, c_int32, c_uint32, c_uint64

from soc.kernel.uapi.ioctl import _IOW, _IOWR

SYNC_IOC_MAGIC = ">"


class SyncMergeData(LittleEndianStructure):
    """struct sync_merge_data, 48 bytes: name@0 (of the new fence), fd2@32 (in), fence@36 (out, the new fd),
    flags@40 and pad@44 (both 0).
    """

    _fields_ = (
        ("name", c_char * 32),
        ("fd2", c_int32),
        ("fence", c_int32),
        ("flags", c_uint32),
        ("pad", c_uint32),
    )
    name: bytes
    fd2: int
    fence: int
    flags: int
    pad: int


class SyncFenceInfo(LittleEndianStructure):
    """struct sync_fence_info, 80 bytes: obj_name@0 (the timeline), driver_name@32, status@64 (1 signalled,
    0 active, negative errno), flags@68, timestamp_ns@72 (of the signal; 0 before).
    """

    _fields_ = (
        ("obj_name", c_char * 32),
        ("driver_name", c_char * 32),
        ("status", c_int32),
        ("flags", c_uint32),
        ("timestamp_ns", c_uint64),
    )
    obj_name: bytes
    driver_name: bytes
    status: int
    flags: int
    timestamp_ns: int


class SyncFileInfo(LittleEndianStructure):
    """struct sync_file_info, 56 bytes: name@0, status@32 (as in sync_fence_info), flags@36 (0),
    num_fences@40 (room in, count out), pad@44 (0), sync_fence_info@48 (user address of the array).
    """

    _fields_ = (
        ("name", c_char * 32),
        ("status", c_int32),
        ("flags", c_uint32),
        ("num_fences", c_uint32),
        ("pad", c_uint32),
        ("sync_fence_info", c_uint64),
    )
    name: bytes
    status: int
    flags: int
    num_fences: int
    pad: int
    sync_fence_info: int


class SyncSetDeadline(LittleEndianStructure):
    """struct sync_set_deadline, 16 bytes: deadline_ns@0 (absolute, CLOCK_MONOTONIC), pad@8 (0)."""

    _fields_ = (("deadline_ns", c_uint64), ("pad", c_uint64))
    deadline_ns: int
    pad: int


SYNC_IOC_MERGE = _IOWR(SYNC_IOC_MAGIC, 3, SyncMergeData)
SYNC_IOC_FILE_INFO = _IOWR(SYNC_IOC_MAGIC, 4, SyncFileInfo)
SYNC_IOC_SET_DEADLINE = _IOW(SYNC_IOC_MAGIC, 5, SyncSetDeadline)
