"""The program of the thread's three steps, and what the acts have in common."""

from __future__ import annotations

from typing import TypeVar

from soc.flows.counts import gem_counts
from soc.flows.exynos.drivers import BITS_PER_PIXEL, HEIGHT, WIDTH, ExynosDrmDriver, FimcDriver
from soc.flows.stage import Stage
from soc.kernel.device import Driver
from soc.kernel.uapi.drm import (
    DRM_CLOEXEC,
    DRM_IOCTL_GEM_CLOSE,
    DRM_IOCTL_MODE_CREATE_DUMB,
    DRM_IOCTL_PRIME_HANDLE_TO_FD,
    DRM_RDWR,
    DrmGemClose,
    DrmModeCreateDumb,
    DrmPrimeHandle,
)

D = TypeVar("D", bound=Driver)


class CameraApp:
    """A program with a card; `drm` and `fimc` are the drivers it meets. Every call is a step."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.steps = stage.steps
        self.drm = driver(stage, ExynosDrmDriver).drm
        self.fimc = driver(stage, FimcDriver)
        self.steps.watch(gem_counts(self.drm))
        self.task = stage.process("camera-app")
        self.card = self.steps.call(
            self.task, f"open {self.drm.node}", lambda: self.task.open(self.drm.node), "fd {}".format
        )

    def create(self) -> int:
        """A GEM object of a frame; its handle."""
        args = DrmModeCreateDumb(width=WIDTH, height=HEIGHT, bpp=BITS_PER_PIXEL)

        def create() -> int:
            self.task.ioctl(self.card, DRM_IOCTL_MODE_CREATE_DUMB, args)
            return args.handle

        call = f"ioctl(MODE_CREATE_DUMB, {WIDTH}x{HEIGHT}, {BITS_PER_PIXEL} bits)"
        return self.steps.call(self.task, call, create, lambda handle: f"handle {handle}")

    def export(self, handle: int) -> int:
        """An fd of the object's dma-buf."""
        args = DrmPrimeHandle(handle=handle, flags=DRM_CLOEXEC | DRM_RDWR)

        def export() -> int:
            self.task.ioctl(self.card, DRM_IOCTL_PRIME_HANDLE_TO_FD, args)
            return args.fd

        call = f"ioctl(PRIME_HANDLE_TO_FD, handle {handle})"
        return self.steps.call(self.task, call, export, lambda fd: f"fd {fd}")

    def close(self, fd: int) -> None:
        """Close a dma-buf's fd."""
        self.steps.call(self.task, f"close(fd {fd})", lambda: self.task.close(fd))

    def gem_close(self, handle: int) -> None:
        """The handle's end."""
        args = DrmGemClose(handle=handle)

        def close() -> None:
            self.task.ioctl(self.card, DRM_IOCTL_GEM_CLOSE, args)

        self.steps.attempt(self.task, f"ioctl(GEM_CLOSE, handle {handle})", close)

    def close_card(self) -> None:
        """Close the card, and with it what handles are left."""
        self.steps.call(self.task, "close(card0)", lambda: self.task.close(self.card))


def driver(stage: Stage, kind: type[D]) -> D:
    """The driver of this kind that the board has."""
    [found] = [d.driver for d in stage.kernel.devices.values() if isinstance(d.driver, kind)]
    return found
