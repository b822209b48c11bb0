"""Dumb buffers: pictures to be drawn by the CPU and shown.

Source: drivers/gpu/drm/drm_dumb_buffers.c, drm_gem_dma_dumb_create (6.12).

Not modelled: MODE_MAP_DUMB; such a buffer is mapped through its dma-buf.
"""

from __future__ import annotations

from errno import EINVAL, ENOSYS
from typing import TYPE_CHECKING

from soc.address import page_align
from soc.drm.gem import CREATOR, drm_gem_object_put
from soc.drm.handles import drm_gem_handle_create
from soc.kernel.errors import KernelError

if TYPE_CHECKING:
    from soc.drm.file import DrmFile
    from soc.kernel.uapi.drm import DrmModeCreateDumb

U32_MAX = 0xFFFF_FFFF


def drm_mode_create_dumb(file: DrmFile, args: DrmModeCreateDumb) -> None:
    """Fill in handle, pitch and size (bytes) for width, height and bits per pixel.

    -ENOSYS for a driver without; -EINVAL for none of a dimension or more than 32 bits hold; -ENOMEM.
    """
    driver = file.dev.driver
    if driver.dumb_create is None:
        raise KernelError(ENOSYS, f"{driver.name} has no dumb buffers")
    picture = f"{args.width}x{args.height} at {args.bpp} bits"
    if not (args.width and args.height and args.bpp):
        raise KernelError(EINVAL, f"a dumb buffer of {picture} is nothing")
    bytes_per_pixel = -(-args.bpp // 8)
    if bytes_per_pixel * args.width * args.height > U32_MAX:
        raise KernelError(EINVAL, f"a dumb buffer of {picture} has more bytes than 32 bits can count")
    align = driver.pitch_align
    pitch = -(-args.width * bytes_per_pixel // align) * align
    size = page_align(pitch * args.height)
    obj = driver.dumb_create(file.dev, size)
    try:
        args.handle = drm_gem_handle_create(file, obj)
    finally:
        drm_gem_object_put(obj, CREATOR)
    args.pitch, args.size = pitch, size
