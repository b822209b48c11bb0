"""ioctl of a DRM device.

Only the number within the magic chooses the call. A program may know a shorter or a longer
structure than the kernel: what it does not have counts as zero, and as much as it has is
copied back. What a call did stays done when the answer cannot be copied out.
Source: drm_ioctl (drivers/gpu/drm/drm_ioctl.c, 6.12).
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import LittleEndianStructure, sizeof
from errno import EINVAL
from typing import TYPE_CHECKING, Any

from soc.drm.dumb import drm_mode_create_dumb
from soc.drm.handles import drm_gem_handle_delete
from soc.drm.prime import drm_gem_prime_fd_to_handle, drm_gem_prime_handle_to_fd
from soc.kernel.errors import KernelError
from soc.kernel.uaccess import copy_from_user, copy_to_user
from soc.kernel.uapi.catalogue import describe
from soc.kernel.uapi.drm import (
    DRM_CAP_DUMB_BUFFER,
    DRM_CAP_PRIME,
    DRM_IOCTL_GEM_CLOSE,
    DRM_IOCTL_GET_CAP,
    DRM_IOCTL_MODE_CREATE_DUMB,
    DRM_IOCTL_MODE_DESTROY_DUMB,
    DRM_IOCTL_PRIME_FD_TO_HANDLE,
    DRM_IOCTL_PRIME_HANDLE_TO_FD,
    DRM_PRIME_CAP_EXPORT,
    DRM_PRIME_CAP_IMPORT,
    DrmGemClose,
    DrmGetCap,
    DrmModeCreateDumb,
    DrmModeDestroyDumb,
    DrmPrimeHandle,
)
from soc.kernel.uapi.ioctl import _IOC_DIR, _IOC_NR, _IOC_READ, _IOC_SIZE, _IOC_WRITE

if TYPE_CHECKING:
    from soc.drm.file import DrmFile
    from soc.kernel.task import Task


def drm_ioctl(task: Task, file: DrmFile, cmd: int, arg: int) -> int:
    """One call. -EINVAL for a number that means nothing, -EFAULT, the call's own errno."""
    entry = IOCTLS.get(_IOC_NR(cmd))
    if entry is None:
        raise KernelError(EINVAL, f"{file.dev} has no ioctl {describe(cmd)}")
    own, structure, call = entry
    direction = _IOC_DIR(cmd) & _IOC_DIR(own)
    size = _IOC_SIZE(cmd)
    data = copy_from_user(task, arg, size) if direction & _IOC_WRITE else b""
    args = structure.from_buffer_copy(data.ljust(sizeof(structure), b"\0"))
    call(task, file, args)
    if direction & _IOC_READ:
        copy_to_user(task, arg, bytes(args).ljust(size, b"\0")[:size])
    return 0


def _get_cap(task: Task, file: DrmFile, args: DrmGetCap) -> None:
    """-EINVAL for a capability that is not known."""
    if args.capability == DRM_CAP_PRIME:
        args.value = DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT
    elif args.capability == DRM_CAP_DUMB_BUFFER:
        args.value = int(file.dev.driver.dumb_create is not None)
    else:
        raise KernelError(EINVAL, f"{file.dev} has no capability {args.capability:#x}")


def _gem_close(task: Task, file: DrmFile, args: DrmGemClose | DrmModeDestroyDumb) -> None:
    file.users.closes(file.caller(task), args.handle)
    drm_gem_handle_delete(file, args.handle)


def _handle_to_fd(task: Task, file: DrmFile, args: DrmPrimeHandle) -> None:
    file.users.uses(file.caller(task), args.handle, "PRIME_HANDLE_TO_FD")
    args.fd = drm_gem_prime_handle_to_fd(task, file, args.handle, args.flags)


def _fd_to_handle(task: Task, file: DrmFile, args: DrmPrimeHandle) -> None:
    args.handle = drm_gem_prime_fd_to_handle(task, file, args.fd)
    file.users.told(file.caller(task), args.handle)


def _create_dumb(task: Task, file: DrmFile, args: DrmModeCreateDumb) -> None:
    drm_mode_create_dumb(file, args)
    file.users.told(file.caller(task), args.handle)


Call = Callable[["Task", "DrmFile", Any], None]

IOCTLS: dict[int, tuple[int, type[LittleEndianStructure], Call]] = {
    _IOC_NR(number): (number, structure, call)
    for number, structure, call in (
        (DRM_IOCTL_GEM_CLOSE, DrmGemClose, _gem_close),
        (DRM_IOCTL_GET_CAP, DrmGetCap, _get_cap),
        (DRM_IOCTL_PRIME_HANDLE_TO_FD, DrmPrimeHandle, _handle_to_fd),
        (DRM_IOCTL_PRIME_FD_TO_HANDLE, DrmPrimeHandle, _fd_to_handle),
        (DRM_IOCTL_MODE_CREATE_DUMB, DrmModeCreateDumb, _create_dumb),
        (DRM_IOCTL_MODE_DESTROY_DUMB, DrmModeDestroyDumb, _gem_close),
    )
}
"""By the number within the magic: the ioctl as the kernel knows it, its structure, what it does."""
