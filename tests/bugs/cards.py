"""DRM devices on the devices of a board, and what programs ask of them."""

from __future__ import annotations

from soc.drm.device import DrmDevice, DrmDriver, drm_dev_register, drm_dev_unregister
from soc.drm.file import drm_open
from soc.drm.gem_dma_helper import drm_gem_dma_create, drm_gem_dma_prime_import_sg_table
from soc.drm.gem_shmem_helper import drm_gem_shmem_create, drm_gem_shmem_prime_import_sg_table
from soc.kernel.process import Process
from soc.kernel.uapi import drm as uapi
from tests.bugs.bench import Bench

DISPLAY = DrmDriver("display", drm_gem_dma_create, None, drm_gem_dma_prime_import_sg_table)
"""Takes one run of addresses only."""
GPU = DrmDriver("gpu", drm_gem_shmem_create, None, drm_gem_shmem_prime_import_sg_table)
"""Takes pages wherever they are."""


class Card:
    """/dev/dri/`name`, whose DMA is that of the device `label`."""

    def __init__(self, bench: Bench, label: str, driver: DrmDriver = DISPLAY, name: str = "card0") -> None:
        self.dev = DrmDevice(bench.device(label), driver, name)
        drm_dev_register(self.dev, drm_open)

    def open(self, process: Process) -> int:
        return process.open(f"/dev/dri/{self.dev.name}")

    def remove(self) -> None:
        drm_dev_unregister(self.dev)


def create_dumb(process: Process, card: int, pages: int = 4) -> int:
    """A handle of a new object."""
    args = uapi.DrmModeCreateDumb(width=1024, height=pages, bpp=32)
    process.ioctl(card, uapi.DRM_IOCTL_MODE_CREATE_DUMB, args)
    return args.handle


def handle_to_fd(process: Process, card: int, handle: int) -> int:
    args = uapi.DrmPrimeHandle(handle=handle, flags=uapi.DRM_CLOEXEC, fd=-1)
    process.ioctl(card, uapi.DRM_IOCTL_PRIME_HANDLE_TO_FD, args)
    return args.fd


def fd_to_handle(process: Process, card: int, fd: int) -> int:
    args = uapi.DrmPrimeHandle(fd=fd)
    process.ioctl(card, uapi.DRM_IOCTL_PRIME_FD_TO_HANDLE, args)
    return args.handle


def gem_close(process: Process, card: int, handle: int) -> None:
    process.ioctl(card, uapi.DRM_IOCTL_GEM_CLOSE, uapi.DrmGemClose(handle=handle))
