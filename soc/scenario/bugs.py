"""Bugs that a scenario can plant: drivers that do one thing wrong.

Each is a subclass of a correct driver and takes its place in the kernel of
that run; the drivers that ship know nothing of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from errno import EINVAL, ENOMEM

from devices.lcdif.driver import LcdifDriver
from soc.address import PAGE_SHIFT, Iova
from soc.dmabuf.importer import ImportedBuffer
from soc.kernel.device import Device, Driver
from soc.kernel.dma import dma_map_sgtable, dma_sync_sgtable_for_device, dma_unmap_sgtable
from soc.kernel.dmaengine import DmaChannel
from soc.kernel.errors import KernelError
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.kernel.task import Task
from soc.memory.span import PageSpan


class SkipsSizeCheck(LcdifDriver):
    """Takes any framebuffer, however small."""

    def check_size(self, buffer: ImportedBuffer) -> None:
        pass


class UnmapsAtFlip(LcdifDriver):
    """Unmaps the buffer on screen when the next is programmed, not when it has left the screen.

    Mapping sleeps and flips come in interrupts, so a thread does both.
    """

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self._flipping = False

    @property
    def flip_pending(self) -> bool:
        return self._flipping or super().flip_pending

    def flip(self, index: int) -> None:
        self._flipping = True
        self.kernel.sched.kthread_run(f"{self.device.name}-flip", self._flip, index)

    def _flip(self, index: int) -> None:
        on_screen = self.shown
        self.buffers[index].map()
        self._flipping = False
        super().flip(index)
        if on_screen is not None and on_screen != index:
            self.buffers[on_screen].unmap()


class CopiesFrames(LcdifDriver):
    """Shows every frame from a buffer of its own, into which the CPU copies it."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self._shadows: list[SgTable] = []

    def import_framebuffer(self, task: Task, fd: int) -> int:
        index = super().import_framebuffer(task, fd)
        pages = self.kernel.memory.pages.alloc_pages(self.buffers[index].size >> PAGE_SHIFT)
        if pages is None:
            raise KernelError(ENOMEM, "no memory for a second buffer")
        shadow = SgTable.of_pages(pages)
        dma_map_sgtable(
            self.device, shadow, DmaDirection.TO_DEVICE, what=f"a copy of {self.buffers[index].dmabuf}"
        )
        _must_be_one_segment(self.device, shadow)
        self._shadows.append(shadow)
        return index

    def flip(self, index: int) -> None:
        sgt, shadow = self.buffers[index].sgt, self._shadows[index]
        assert sgt is not None  # imported buffers stay mapped
        source, target = (PageSpan.of(table.frames(), 0, table.size) for table in (sgt, shadow))
        self.kernel.cpu.write_span(target, self.kernel.cpu.read_span(source))
        dma_sync_sgtable_for_device(self.device, shadow, DmaDirection.TO_DEVICE)
        super().flip(index)

    def scanout_address(self, index: int) -> Iova:
        return Iova(int(self._shadows[index].dma_address[0]))

    def disable(self) -> None:
        super().disable()
        for shadow in self._shadows:
            dma_unmap_sgtable(self.device, shadow, DmaDirection.TO_DEVICE)
            self.kernel.memory.pages.free_pages(shadow.frames())
        self._shadows.clear()


class CopiesFramesByDma(LcdifDriver):
    """Shows every frame from a buffer of its own, into which the DMA controller copies it."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self._sources: list[ImportedBuffer] = []
        self._shadows: list[tuple[SgTable, SgTable]] = []
        self._channel: DmaChannel | None = None
        self._copying = False

    @property
    def flip_pending(self) -> bool:
        return self._copying or super().flip_pending

    def import_framebuffer(self, task: Task, fd: int) -> int:
        index = super().import_framebuffer(task, fd)
        self._channel = self._channel or self.kernel.dma_engines.request_channel()
        engine = self._channel.device
        assert engine is not None  # its controller has registered
        self._sources.append(ImportedBuffer(task, fd, engine, DmaDirection.TO_DEVICE))
        pages = self.kernel.memory.pages.alloc_pages(self.buffers[index].size >> PAGE_SHIFT)
        if pages is None:
            raise KernelError(ENOMEM, "no memory for a second buffer")
        copied, shown = SgTable.of_pages(pages), SgTable.of_pages(pages)
        dma_map_sgtable(
            engine, copied, DmaDirection.FROM_DEVICE, what=f"a copy of {self.buffers[index].dmabuf}"
        )
        dma_map_sgtable(
            self.device, shown, DmaDirection.TO_DEVICE, what=f"a copy of {self.buffers[index].dmabuf}"
        )
        _must_be_one_segment(engine, copied)
        _must_be_one_segment(self.device, shown)
        self._shadows.append((copied, shown))
        return index

    def flip(self, index: int) -> None:
        assert self._channel is not None  # buffers exist only with a channel
        source, target = self._sources[index], self._shadows[index][0]
        copy = self._channel.prep_memcpy(int(target.dma_address[0]), source.iova, source.size)
        copy.callback = lambda result: self._copied(index)
        self._copying = True
        copy.submit()
        self._channel.issue_pending()

    def _copied(self, index: int) -> None:
        self._copying = False
        super().flip(index)

    def scanout_address(self, index: int) -> Iova:
        return Iova(int(self._shadows[index][1].dma_address[0]))

    def disable(self) -> None:
        super().disable()
        if self._channel is None:
            return
        self._channel.terminate_all()
        engine = self._channel.device
        assert engine is not None  # its controller has registered
        for copied, shown in self._shadows:
            dma_unmap_sgtable(engine, copied, DmaDirection.FROM_DEVICE)
            dma_unmap_sgtable(self.device, shown, DmaDirection.TO_DEVICE)
            self.kernel.memory.pages.free_pages(copied.frames())
        for source in self._sources:
            source.close()
        self._shadows.clear()
        self._sources.clear()
        self.kernel.dma_engines.release_channel(self._channel)
        self._channel = None


class DrawsCursor(LcdifDriver):
    """Draws a cursor into every frame with the CPU, without telling the buffer's exporter."""

    SIDE = 16

    def flip(self, index: int) -> None:
        buffer, picture = self.buffers[index], self._format
        assert buffer.sgt is not None and picture is not None  # imported buffers stay mapped
        mapping = KernelMapping(self.kernel, buffer.sgt.frames(), f"cursor of {self.device.name}")
        for line in range(min(self.SIDE, picture.height)):
            mapping.fill(0xFF, line * picture.stride, min(self.SIDE * 4, picture.stride))
        super().flip(index)


def _must_be_one_segment(device: Device, sgt: SgTable) -> None:
    """-EINVAL for scattered memory of a device without an IOMMU, which has one address for all of it."""
    if sgt.nents != 1:
        raise KernelError(EINVAL, f"{device.name}: a copy in scattered pages needs an IOMMU")


BUGS: dict[str, type[LcdifDriver]] = {
    "display-copies-frames": CopiesFrames,
    "display-copies-frames-by-dma": CopiesFramesByDma,
    "display-draws-cursor": DrawsCursor,
    "display-skips-size-check": SkipsSizeCheck,
    "display-unmaps-at-flip": UnmapsAtFlip,
}


def with_bugs(drivers: tuple[type[Driver], ...], names: tuple[str, ...]) -> tuple[type[Driver], ...]:
    """`drivers` with the planted ones in place of what they derive from."""
    planted = [BUGS[name] for name in dict.fromkeys(names)]
    return tuple(_with(driver, [bug for bug in planted if issubclass(bug, driver)]) for driver in drivers)


def conflict(names: tuple[str, ...]) -> str | None:
    """Why these bugs cannot be planted together: two of them replace the same function of a driver."""
    chosen = list(dict.fromkeys(names))
    for index, one in enumerate(chosen):
        for other in chosen[index + 1 :]:
            if shared := sorted(_replaced(BUGS[one]) & _replaced(BUGS[other])):
                return f"{one} and {other} both replace {shared[0]} of the driver: plant one of them"
    return None


def _replaced(bug: type[Driver]) -> set[str]:
    """The functions in which a planted driver differs from the right one; __init__ only adds to it."""
    functions = {name for name, value in vars(bug).items() if callable(value) or isinstance(value, property)}
    return functions - {"__init__"}


def _with(driver: type[Driver], bugs: Sequence[type[Driver]]) -> type[Driver]:
    """`driver` with every one of `bugs`, which derive from it."""
    return type(driver.__name__, tuple(bugs), {}) if bugs else driver
