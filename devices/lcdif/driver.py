"""The LCDIF driver: scan-out of imported dma-bufs, flips at the end of a frame.

Programs the controller as Linux's mxsfb driver does. One flip may be pending at
a time, as with DRM's page flip.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EBUSY, EINVAL
from typing import ClassVar

from devices.lcdif.regs import (
    BYPASS_COUNT,
    BYTE_PACKINGS,
    CLKGATE,
    DATABUS_WIDTH_24,
    DOTCLK_MODE,
    ENABLE_SHIFT,
    FRAME_DONE,
    MASTER,
    RUN,
    SFTRST,
    TABLE,
    UNDERFLOW,
    WORD_LENGTHS,
)
from soc.address import Iova
from soc.dmabuf.importer import ImportedBuffer
from soc.dmabuf.sanitizer.usable import assert_attached
from soc.kernel.device import Device, Driver
from soc.kernel.errors import KernelError
from soc.kernel.registers import Registers
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.task import Task
from soc.picture import PictureFormat

HANDLED = FRAME_DONE | UNDERFLOW
"""The events the driver has interrupts for."""
BLANK_PIXELS, BLANK_LINES = 280, 45
LARGEST_COUNT = 0xFFFF
UNLIMITED_SEGMENT = 0xFFFF_FFFF

FlipHandler = Callable[[int, int | None], None]
"""Called with (index now shown, index shown before)."""


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
        self._regs = Registers(self.device.ioremap(), TABLE)
        self.device.max_segment_size = UNLIMITED_SEGMENT
        self.device.one_segment = True
        self._regs.write("CTRL_SET", SFTRST)
        self.device.request_irq(self._interrupt)
        version = self._regs.read("VERSION")
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
        assert_attached(self.buffers[index].dmabuf, self.device)
        address = self.scanout_address(index)
        if self.shown is None:
            self._enable(address)
            self._shown_now(index)
        else:
            self._regs.write("NEXT_BUF", address)
            self._pending = index

    @property
    def flip_pending(self) -> bool:
        return self._pending is not None

    def scanout_address(self, index: int) -> Iova:
        """Where the controller is to fetch buffer `index` from."""
        return self.buffers[index].iova

    def disable(self) -> None:
        """Stop scanning and give every imported buffer back.

        mxsfb clears DOTCLK_MODE and waits for RUN to drop, which it does with the
        frame. Here no time passes while a driver runs, so the frame would never
        end; a reset stops the fetch at once and takes the interrupts back too.
        """
        self._regs.write("CTRL_SET", SFTRST)
        self.shown = self._pending = None
        for buffer in self.buffers:
            buffer.close()
        self.buffers.clear()

    # --- device ------------------------------------------------------------

    def _enable(self, address: Iova) -> None:
        """Bring the controller out of reset with the frame at `address` on screen."""
        picture, regs = self._format, self._regs
        assert picture is not None  # buffers exist only with a mode
        width, height = picture.width, picture.height
        regs.write("CTRL_CLR", SFTRST)
        regs.write("CTRL_CLR", CLKGATE)
        regs.write("CTRL1", BYTE_PACKING_FORMAT=BYTE_PACKINGS[picture.fourcc])
        length = WORD_LENGTHS[picture.fourcc]
        regs.write("CTRL", BYPASS_COUNT | MASTER, WORD_LENGTH=length, LCD_DATABUS_WIDTH=DATABUS_WIDTH_24)
        regs.write("TRANSFER_COUNT", V_COUNT=height, H_COUNT=width)
        regs.write("VDCTRL0", ENABLE_PRESENT=1, VSYNC_PERIOD_UNIT=1)
        regs.write("VDCTRL1", VSYNC_PERIOD=height + BLANK_LINES)
        regs.write("VDCTRL2", HSYNC_PERIOD=width + BLANK_PIXELS)
        regs.write("VDCTRL3", HORIZONTAL_WAIT_CNT=BLANK_PIXELS // 2, VERTICAL_WAIT_CNT=BLANK_LINES // 2)
        regs.write("VDCTRL4", SYNC_SIGNALS_ON=1, DOTCLK_H_VALID_DATA_CNT=width)
        regs.write("CUR_BUF", address)
        regs.write("NEXT_BUF", address)
        regs.write("CTRL1_SET", HANDLED << ENABLE_SHIFT)
        regs.write("CTRL_SET", DOTCLK_MODE)
        regs.write("CTRL_SET", RUN)

    def _shown_now(self, index: int) -> None:
        before, self.shown, self._pending = self.shown, index, None
        if self.on_flip:
            self.on_flip(index, before)

    def _interrupt(self) -> None:
        status = self._regs.read("CTRL1")
        self._regs.write("CTRL1_CLR", status & HANDLED)
        if status & UNDERFLOW:
            self.underflows += 1
        if status & FRAME_DONE:
            self.frames_scanned += 1
            if self.on_scanned:
                self.on_scanned()
            if self._pending is not None:
                self._shown_now(self._pending)
