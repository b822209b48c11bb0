"""Two DRM devices, a device without DRM, and an exporter with pages of the test's choice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.dmabuf import DmaBuf, DmaBufAttachment, DmaBufOps, dma_buf_export, dma_buf_fd, dma_buf_put, dma_bufs
from soc.drm.device import DrmDevice, DrmDriver, drm_dev_register, drm_dev_unregister
from soc.drm.file import DrmFile, drm_file_of, drm_open
from soc.drm.gem_dma_helper import drm_gem_dma_create, drm_gem_dma_prime_import_sg_table
from soc.drm.gem_shmem_helper import drm_gem_shmem_create, drm_gem_shmem_prime_import_sg_table
from soc.kernel.device import Driver
from soc.kernel.dma import DmaAttrs, dma_map_sgtable, dma_unmap_sgtable
from soc.kernel.errors import KernelError
from soc.kernel.generation import DEFAULT_GENERATION, Generation
from soc.kernel.kernel import Kernel
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.kernel.uapi import drm as uapi
from soc.memory.span import Frames

PAGE = 4096
POOL = 64
"""Pages for foreign exporters."""
BOARD = """\
model: cards
compatible: cards
'#address-cells': 2
'#size-cells': 2
memory@80000000:
  device_type: memory
  reg: [[0x80000000, 32M]]
reserved-memory:
  ranges: true
  '#address-cells': 2
  '#size-cells': 2
  linux,cma@81000000:
    compatible: shared-dma-pool
    reg: [[0x81000000, 8M]]
    reusable: true
    linux,cma-default: true
display: {compatible: "test,display"}
gpu: {compatible: "test,gpu"}
camera: {compatible: "test,camera"}
"""

DISPLAY = DrmDriver("display", drm_gem_dma_create, None, drm_gem_dma_prime_import_sg_table, pitch_align=64)
GPU = DrmDriver("gpu", drm_gem_shmem_create, None, drm_gem_shmem_prime_import_sg_table)


class Display(Driver):
    name = "display"
    of_match = ("test,display",)


class Gpu(Driver):
    name = "gpu"
    of_match = ("test,gpu",)


class Camera(Driver):
    name = "camera"
    of_match = ("test,camera",)


class Foreign:
    """An exporter that is nobody's driver: `frames` in order, mapped with the DMA API."""

    def __init__(self, kernel: Kernel, frames: Frames) -> None:
        self.kernel = kernel
        self.frames = frames
        self.released = 0

    def export(self) -> DmaBuf:
        ops = DmaBufOps(self._map, self._unmap, self._release)
        return dma_buf_export(self.kernel, self, ops, len(self.frames) * PAGE, os.O_RDWR, "foreign")

    def _map(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
        sgt = SgTable.of_pages(self.frames)
        dma_map_sgtable(attachment.device, sgt, direction, attrs=DmaAttrs.SKIP_CPU_SYNC)
        return sgt

    def _unmap(self, attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
        dma_unmap_sgtable(attachment.device, sgt, direction, attrs=DmaAttrs.SKIP_CPU_SYNC)

    def _release(self, dmabuf: DmaBuf) -> None:
        self.released += 1


class CardBench:
    """card0 shows (one run of addresses), card1 draws (pages), `camera` is no DRM device; `app` runs."""

    def __init__(self, folder: Path, generation: Generation = DEFAULT_GENERATION) -> None:
        path = folder / "board.yaml"
        path.write_text(BOARD, encoding="utf-8")
        self.machine = Machine(load_board(path), {})
        self.kernel = Kernel(self.machine, [Display, Gpu, Camera], generation=generation)
        self.kernel.boot()
        self.kernel.log.entries.clear()
        display, gpu, self.camera = self.kernel.devices.values()
        self.card0 = DrmDevice(display, DISPLAY, "card0")
        self.card1 = DrmDevice(gpu, GPU, "card1")
        for card in (self.card0, self.card1):
            drm_dev_register(card, drm_open)
        self.app = self.kernel.process("app")
        self.pool = self.kernel.memory.alloc_pages(POOL)
        self.baseline = self.counts()

    # --- a program's calls --------------------------------------------------------

    def open(self, card: str = "card0", app: Process | None = None) -> int:
        return (app or self.app).open(f"/dev/dri/{card}")

    def client(self, fd: int, app: Process | None = None) -> DrmFile:
        return drm_file_of((app or self.app).files.file(fd))

    def dumb(self, card: int, app: Process | None = None, pages: int = 4) -> int:
        """A handle of a new object of that many pages."""
        args = uapi.DrmModeCreateDumb(width=1024, height=pages, bpp=32)
        (app or self.app).ioctl(card, uapi.DRM_IOCTL_MODE_CREATE_DUMB, args)
        return args.handle

    def to_fd(self, card: int, handle: int, app: Process | None = None, flags: int = 0) -> int:
        args = uapi.DrmPrimeHandle(handle=handle, flags=flags, fd=-1)
        (app or self.app).ioctl(card, uapi.DRM_IOCTL_PRIME_HANDLE_TO_FD, args)
        return args.fd

    def to_handle(self, card: int, fd: int, app: Process | None = None) -> int:
        args = uapi.DrmPrimeHandle(fd=fd)
        (app or self.app).ioctl(card, uapi.DRM_IOCTL_PRIME_FD_TO_HANDLE, args)
        return args.handle

    def gem_close(self, card: int, handle: int, app: Process | None = None) -> None:
        (app or self.app).ioctl(card, uapi.DRM_IOCTL_GEM_CLOSE, uapi.DrmGemClose(handle=handle))

    # --- the other side -------------------------------------------------------------

    def foreign(self, *pages: int) -> Foreign:
        """An exporter of these pages, of the POOL that there are."""
        return Foreign(self.kernel, (self.pool >> 12) + np.array(pages, dtype=np.int64))

    def foreign_fd(self, *pages: int, app: Process | None = None) -> int:
        """An fd of its dma-buf, which nobody else holds."""
        dmabuf = self.foreign(*pages).export()
        try:
            return dma_buf_fd(app or self.app, dmabuf, os.O_CLOEXEC)
        except KernelError:
            dma_buf_put(dmabuf, dmabuf.exporter)
            raise

    def dmabuf(self, fd: int, app: Process | None = None) -> DmaBuf:
        ino = (app or self.app).fstat(fd).st_ino
        return next(dmabuf for dmabuf in dma_bufs(self.kernel) if dmabuf.ino == ino)

    def counts(self) -> tuple[dict[str, int], int, int, int, int]:
        """What must be back where it was in the end."""
        pages = self.kernel.memory.pages.free_frames
        objects = len(self.card0.objects) + len(self.card1.objects)
        krefs = self.card0.kref + self.card1.kref
        return self.kernel.counters.snapshot(), pages, objects, krefs, len(self.kernel.memory.owners.live)

    def close(self) -> None:
        """Nothing may be left, and nothing wrong may have been seen that the test has not taken away."""
        for process in list(self.kernel.processes.values()):
            process.exit()
        for card in (self.card0, self.card1):
            drm_dev_unregister(card)
        self.kernel.memory.free_pages(self.pool, POOL)
        warnings = self.kernel.log.warnings
        self.kernel.shutdown()
        self.machine.close()
        assert (self.card0.kref, self.card1.kref) == (0, 0)
        assert warnings == []

    def warned(self) -> list[str]:
        """The warnings so far, which are forgotten."""
        warnings = self.kernel.log.warnings
        self.kernel.log.entries.clear()
        return warnings


@contextmanager
def card_bench(folder: Path, generation: Generation = DEFAULT_GENERATION) -> Iterator[CardBench]:
    """A bench that is checked at the end, unless the test has failed."""
    bench = CardBench(folder, generation)
    try:
        yield bench
    except BaseException:
        bench.machine.close()
        raise
    bench.close()
