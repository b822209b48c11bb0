"""The LCDIF driver: scan-out of imported dma-bufs, flips at the end of a frame.

Programs the controller in the order of Linux's mxsfb driver. One flip may be
pending at a time, as with DRM's page flip.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from devices.lcdif.regs import TABLE, WORD_LENGTH_16, WORD_LENGTH_24
from soc.dmabuf.importer import ImportedBuffer
from soc.kernel.device import Device, Driver
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.task import Task
from soc.kernel.video import PictureFormat

EINVAL, EBUSY = 22, 16

WORD_LENGTHS = {"XRGB8888": WORD_LENGTH_24, "RGB565": WORD_LENGTH_16}
BLANK_PIXELS, BLANK_LINES = 280, 45
LARGEST_COUNT = 0xFFFF
UNLIMITED_SEGMENT = 0xFFFF_FFFF

FlipHandler = Callable[[int, int | None], None]
"""Called with (index now shown, index shown before)."""


def _at(name: str) -> int:
    return TABLE.offset(name)


def _bit(register: str, field: str) -> int:
    return TABLE[register].field(field).mask


class LcdifDriver(Driver):
    """One display. `frames_scanned` and `underflows` count interrupts since `enable`."""

    name: ClassVar[str] = "mxsfb"
    of_match: ClassVar[tuple[str, ...]] = ("fsl,imx6sx-lcdif",)

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.buffers: list[ImportedBuffer] = []
        self.shown: int | None = None
        self.frames_scanned = 0
        self.underflows = 0
        self.on_flip: FlipHandler | None = None
        self.on_scanned: Callable[[], None] | None = None
        self._format: PictureFormat | None = None
        self._pending: int | None = None

    def probe(self) -> None:
        self._regs = self.device.ioremap()
        self.device.max_segment_size = UNLIMITED_SEGMENT
        self._regs.writel(_at("CTRL_SET"), _bit("CTRL", "SFTRST"))
        self.device.request_irq(self._interrupt)
        version = self._regs.readl(_at("VERSION"))
        self.kernel.log.info(f"{self.name} {self.device.name}: version {version >> 24}.{version >> 16 & 255}")

    def remove(self) -> None:
        self.disable()

    # --- what an application calls -----------------------------------------

    def set_mode(self, picture: PictureFormat) -> None:
        """-EINVAL for a picture the controller cannot show, -EBUSY with buffers imported."""
        if self.buffers:
            raise KernelError(EBUSY, "buffers are imported for the present mode")
        if picture.fourcc not in WORD_LENGTHS:
            raise KernelError(EINVAL, f"the display does not show {picture.fourcc}")
        if not (0 < picture.width <= LARGEST_COUNT and 0 < picture.height <= LARGEST_COUNT):
            raise KernelError(EINVAL, f"the display does not show {picture}")
        self._format = picture

    def import_framebuffer(self, task: Task, fd: int) -> int:
        """Map the dma-buf behind `fd` for reading; its index. -EINVAL if it is too small (ADDFB2)."""
        buffer = ImportedBuffer(task, fd, self.device, DmaDirection.TO_DEVICE)
        try:
            self.check_size(buffer)
        except KernelError:
            buffer.close()
            raise
        self.buffers.append(buffer)
        return len(self.buffers) - 1

    def check_size(self, buffer: ImportedBuffer) -> None:
        """-EINVAL unless the whole picture lies inside the buffer."""
        if self._format is None:
            raise KernelError(EINVAL, "no mode is set")
        if buffer.size < self._format.size:
            raise KernelError(
                EINVAL,
                f"a buffer of {buffer.size} bytes is too small for {self._format} ({self._format.size})",
            )

    def flip(self, index: int) -> None:
        """Show buffer `index` from the next frame on. -EINVAL without it, -EBUSY while a flip is pending."""
        if not 0 <= index < len(self.buffers):
            raise KernelError(EINVAL, f"the display has no buffer {index}")
        if self._pending is not None:
            raise KernelError(EBUSY, "a flip is pending")
        self._regs.writel(_at("NEXT_BUF"), self.buffers[index].iova)
        self._pending = index
        if self.shown is None:
            self._enable(index)

    @property
    def flip_pending(self) -> bool:
        return self._pending is not None

    def disable(self) -> None:
        """Stop scanning and give every imported buffer back."""
        self._regs.writel(_at("CTRL_SET"), _bit("CTRL", "SFTRST"))
        self._regs.writel(_at("CTRL1_CLR"), 0xFF00)
        self.shown = self._pending = None
        for buffer in self.buffers:
            buffer.close()
        self.buffers.clear()

    # --- device ------------------------------------------------------------

    def _enable(self, index: int) -> None:
        """Bring the controller up with buffer `index` on screen."""
        picture, regs = self._format, self._regs
        assert picture is not None  # buffers exist only with a mode
        regs.writel(_at("CTRL_CLR"), _bit("CTRL", "SFTRST"))
        regs.writel(_at("CTRL_CLR"), _bit("CTRL", "CLKGATE"))
        width, height = picture.width, picture.height
        regs.writel(_at("TRANSFER_COUNT"), height << 16 | width)
        regs.writel(_at("VDCTRL0"), _bit("VDCTRL0", "ENABLE_PRESENT") | _bit("VDCTRL0", "VSYNC_PERIOD_UNIT"))
        regs.writel(_at("VDCTRL1"), height + BLANK_LINES)
        regs.writel(_at("VDCTRL2"), width + BLANK_PIXELS)
        regs.writel(_at("VDCTRL3"), BLANK_PIXELS // 2 << 16 | BLANK_LINES // 2)
        regs.writel(_at("VDCTRL4"), _bit("VDCTRL4", "SYNC_SIGNALS_ON") | width)
        regs.writel(_at("CUR_BUF"), self.buffers[index].iova)
        wanted = _bit("CTRL1", "CUR_FRAME_DONE_IRQ_EN") | _bit("CTRL1", "UNDERFLOW_IRQ_EN")
        regs.writel(_at("CTRL1_SET"), wanted)
        mode = _bit("CTRL", "MASTER") | _bit("CTRL", "DOTCLK_MODE") | _bit("CTRL", "BYPASS_COUNT")
        length = TABLE["CTRL"].field("WORD_LENGTH").put(WORD_LENGTHS[picture.fourcc])
        regs.writel(_at("CTRL"), mode | length)
        regs.writel(_at("CTRL_SET"), _bit("CTRL", "RUN"))
        self._shown_now(index)

    def _shown_now(self, index: int) -> None:
        before, self.shown, self._pending = self.shown, index, None
        if self.on_flip:
            self.on_flip(index, before)

    def _interrupt(self) -> None:
        status = self._regs.readl(_at("CTRL1"))
        done, starved = _bit("CTRL1", "CUR_FRAME_DONE_IRQ"), _bit("CTRL1", "UNDERFLOW_IRQ")
        self._regs.writel(_at("CTRL1_CLR"), status & (done | starved))
        if status & starved:
            self.underflows += 1
        if status & done:
            self.frames_scanned += 1
            if self.on_scanned:
                self.on_scanned()
            if self._pending is not None:
                self._shown_now(self._pending)
