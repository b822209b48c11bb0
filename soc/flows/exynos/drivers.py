"""A display with GEM objects and a camera with a queue of imported buffers, both without registers."""

from __future__ import annotations

import numpy as np

from soc.address import PhysAddr
from soc.drm.device import DrmDevice, DrmDriver, drm_dev_register, drm_dev_unregister
from soc.drm.file import drm_open
from soc.drm.gem_dma_helper import drm_gem_dma_create, drm_gem_dma_prime_import_sg_table
from soc.kernel.device import Device, Driver
from soc.kernel.scatterlist import DmaDirection
from soc.memory.span import PageSpan
from soc.v4l2.vb2_dma_contig import vb2_dma_contig_set_max_seg_size
from soc.v4l2.vb2_queue import Vb2Queue

WIDTH = HEIGHT = 128
BITS_PER_PIXEL = 32
FRAME = WIDTH * HEIGHT * BITS_PER_PIXEL // 8
"""Bytes of a frame: 16 pages."""
UINT_MAX = 0xFFFF_FFFF

EXYNOS = DrmDriver("exynos", drm_gem_dma_create, gem_prime_import_sg_table=drm_gem_dma_prime_import_sg_table)


class ExynosDrmDriver(Driver):
    """`drm` is its DRM device, /dev/dri/card0."""

    name = "exynos-drm"
    of_match = ("samsung,exynos-drm",)

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.drm = DrmDevice(device, EXYNOS)

    def probe(self) -> None:
        """-EEXIST with another card0."""
        drm_dev_register(self.drm, drm_open)

    def remove(self) -> None:
        drm_dev_unregister(self.drm)


class FimcDriver(Driver):
    """`queue` takes dma-bufs into which the camera writes frames."""

    name = "s5p-fimc"
    of_match = ("samsung,exynos4210-fimc",)

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.queue = Vb2Queue(device, "capture", DmaDirection.FROM_DEVICE, (FRAME,))

    def probe(self) -> None:
        vb2_dma_contig_set_max_seg_size(self.device, UINT_MAX)

    def remove(self) -> None:
        self.queue.streamoff()
        self.queue.reqbufs(0)

    def write_frame(self, address: int, value: int) -> None:
        """The camera's DMA: a frame full of `value` at `address`, where nothing translates."""
        bus = self.kernel.machine.bus
        span = PageSpan.linear(PhysAddr(address), FRAME)
        bus.master(self.device.name).write_span(span, np.full(FRAME, value, dtype=np.uint8))
