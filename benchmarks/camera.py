"""A camera frame into scattered pages behind the SMMU, against numpy's copy of the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.row import Row, fastest
from devices.camera.driver import CameraDriver
from devices.camera.hardware import Camera
from devices.camera.regs import TABLE
from devices.catalogue import models
from devices.drivers import DRIVERS
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.kernel.kernel import Kernel
from soc.kernel.scatterlist import DmaDirection
from soc.picture import PictureFormat

PICTURE = PictureFormat(1920, 1080, "XRGB8888")
FRAMES = 10
SEED = 20111226


def rows(board: Path) -> list[Row]:
    """The camera with its sensor, registers, bands, SMMU and digest; IOTLB warm."""
    machine = Machine(load_board(board), models())
    kernel = Kernel(machine, DRIVERS)
    kernel.boot()
    node = machine.tree.find("camera")
    assert node is not None
    device = kernel.device(node)
    assert isinstance(device.driver, CameraDriver) and device.iommu_domain is not None
    device.driver.set_format(PICTURE)
    pages = kernel.memory.pages.alloc_pages(4 * PICTURE.buffer_size // 4096)
    assert pages is not None
    scattered = np.random.default_rng(SEED).permutation(pages)[: PICTURE.buffer_size // 4096]
    iova = device.iommu_domain.map(scattered, DmaDirection.FROM_DEVICE, device.name, "scattered pages", 0)
    camera = machine.model("camera")
    assert isinstance(camera, Camera)
    regs = device.ioremap()
    regs.writel(TABLE.offset("BUF_ADDR"), iova)

    def frames() -> None:
        goal = len(camera.frames.records) + FRAMES
        regs.writel(TABLE.offset("CTRL"), 1)

        def enough() -> bool:
            if not regs.readl(TABLE.offset("STATUS")) >> 8:
                regs.writel(TABLE.offset("QUEUE"), 1)
            return len(camera.frames.records) >= goal

        machine.run(1 << 60, enough)
        camera.frames.records.clear()

    source = np.ones(PICTURE.size, dtype=np.uint8)
    target = machine.dram.banks[0].bytes[-PICTURE.size :]

    def copies() -> None:
        for _ in range(FRAMES):
            np.copyto(target, source)

    name = "1080p frame: camera -> scattered 4 KiB pages behind the SMMU"
    camera.frames.digesting = False
    row = _row(name, *fastest(frames, copies), bar=0.5)
    camera.frames.digesting = True
    probed = _row(f"{name}, with the probe's digest", *fastest(frames, copies), bar=0.25)
    machine.close()
    return [row, probed]


def _row(name: str, ours: float, limit: float, bar: float) -> Row:
    size = PICTURE.size * FRAMES / 1e9
    return Row(name, size / ours, "GB/s", f"numpy.copyto, {size / limit:.1f} GB/s", limit / ours, bar)
