"""Ioctls of a DRM device: buffers by handle, and PRIME, which makes dma-bufs of them and the other way.

Source: include/uapi/drm/drm.h, drm_mode.h.

Not modelled: mode setting and everything else a DRM device can do.
"""

from __future__ import annotations

import os
from ctypes import LittleEndianStructure, c_int32, c_uint32, c_uint64

from soc.kernel.uapi.ioctl import _IOW, _IOWR

DRM_IOCTL_BASE = "d"

DRM_CLOEXEC = os.O_CLOEXEC
DRM_RDWR = os.O_RDWR

DRM_CAP_DUMB_BUFFER = 0x1
DRM_CAP_PRIME = 0x5
DRM_PRIME_CAP_IMPORT = 0x1
DRM_PRIME_CAP_EXPORT = 0x2


class DrmGemClose(LittleEndianStructure):
    """struct drm_gem_close, 8 bytes: handle@0, pad@4."""

    _fields_ = (("handle", c_uint32), ("pad", c_uint32))
    handle: int
    pad: int


class DrmGetCap(LittleEndianStructure):
    """struct drm_get_cap, 16 bytes: capability@0 (DRM_CAP_*), value@8 (out)."""

    _fields_ = (("capability", c_uint64), ("value", c_uint64))
    capability: int
    value: int


class DrmPrimeHandle(LittleEndianStructure):
    """struct drm_prime_handle, 12 bytes: handle@0, flags@4 (DRM_CLOEXEC, DRM_RDWR; only for HANDLE_TO_FD),
    fd@8. What is not asked for is the answer.
    """

    _fields_ = (("handle", c_uint32), ("flags", c_uint32), ("fd", c_int32))
    handle: int
    flags: int
    fd: int


class DrmModeCreateDumb(LittleEndianStructure):
    """struct drm_mode_create_dumb, 32 bytes: height@0, width@4 (pixels), bpp@8 (bits per pixel), flags@12
    (0), handle@16, pitch@20 and size@24 (out; bytes).
    """

    _fields_ = (
        ("height", c_uint32),
        ("width", c_uint32),
        ("bpp", c_uint32),
        ("flags", c_uint32),
        ("handle", c_uint32),
        ("pitch", c_uint32),
        ("size", c_uint64),
    )
    height: int
    width: int
    bpp: int
    flags: int
    handle: int
    pitch: int
    size: int


class DrmModeDestroyDumb(LittleEndianStructure):
    """struct drm_mode_destroy_dumb, 4 bytes: handle@0."""

    _fields_ = (("handle", c_uint32),)
    handle: int


DRM_IOCTL_GEM_CLOSE = _IOW(DRM_IOCTL_BASE, 0x09, DrmGemClose)
DRM_IOCTL_GET_CAP = _IOWR(DRM_IOCTL_BASE, 0x0C, DrmGetCap)
DRM_IOCTL_PRIME_HANDLE_TO_FD = _IOWR(DRM_IOCTL_BASE, 0x2D, DrmPrimeHandle)
DRM_IOCTL_PRIME_FD_TO_HANDLE = _IOWR(DRM_IOCTL_BASE, 0x2E, DrmPrimeHandle)
DRM_IOCTL_MODE_CREATE_DUMB = _IOWR(DRM_IOCTL_BASE, 0xB2, DrmModeCreateDumb)
DRM_IOCTL_MODE_DESTROY_DUMB = _IOWR(DRM_IOCTL_BASE, 0xB4, DrmModeDestroyDumb)
