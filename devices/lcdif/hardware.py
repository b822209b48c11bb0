"""LCDIF: scans a frame out of memory by DMA, again and again.

It scans while CTRL has RUN, MASTER and DOTCLK_MODE. A frame begins with its
mode and CUR_BUF latched and is fetched in bands over its active part. When the
last line is out, NEXT_BUF becomes CUR_BUF and CUR_FRAME_DONE is raised; the
next frame begins after the blanking. Without DOTCLK_MODE the frame in flight
is the last, and RUN drops with it. An aborted fetch starves the FIFO: UNDERFLOW
is raised, BM_ERROR_STAT names the address, the rest of the frame is lost.

A frame lasts as long as VDCTRL1 and VDCTRL2 say, at the pixel clock: the clock
`pix` of the node, else its `assigned-clock-rates` (Hz). All of the blanking
comes behind the picture, however VDCTRL3 divides it.

Registers that only move the panel's pins or shape requests on the bus keep what
is written: VDCTRL3, VDCTRL4, the rest of VDCTRL0, CTRL2. A field that would
change the picture and has no model is named in the log when it is set.

Not modelled: MPU, VSYNC and DVI modes (without DOTCLK_MODE nothing starts),
data by programmed I/O (without MASTER neither), a frame count (BYPASS_COUNT
counts as one), the panel's pins (VDCTRL0 with ENABLE_PRESENT, VDCTRL4, the
porches in VDCTRL3, LCD_DATABUS_WIDTH, CTRL1.RESET), half lines and a VSYNC from
outside (VDCTRL0), packed pixels (BYTE_PACKING_FORMAT) and ARGB555, byte
swizzling, the order of colours in a line (CTRL2), colour space conversion, the
alpha surface and the camera's VSYNC (AS_CTRL), CRC, FIFO levels, thresholds (THRES) and
FIFO_CLEAR, memory requests in flight (CTRL2), recovery from an underflow only on
demand (RECOVER_ON_UNDERFLOW counts as one), registers out of reach in reset.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from devices.lcdif.pixels import rgb
from devices.lcdif.regs import (
    CLKGATE,
    DOTCLK_MODE,
    ENABLE_SHIFT,
    EVENTS,
    FRAME_DONE,
    MASTER,
    PANEL_RESET,
    RUN,
    SFTRST,
    TABLE,
    UNDERFLOW,
    VSYNC_EDGE,
    WITHOUT_MODEL,
    WORD_LENGTHS,
)
from soc.address import Iova
from soc.bus import Target
from soc.clock import SECOND, Event
from soc.device import Slot
from soc.frames import BANDS, STOPPED, FrameRecorder, band_lines
from soc.iommu.port import DmaAbort
from soc.memory.span import Bytes
from soc.picture import BYTES_PER_PIXEL
from soc.registers import RegisterFile, RegisterTable

DEFAULT_PIXEL_CLOCK = 148_500_000
SHORTEST_FRAME = 100_000
DEPTHS = {length: BYTES_PER_PIXEL[fourcc] for fourcc, length in WORD_LENGTHS.items()}


@dataclass(frozen=True)
class Timing:
    """What is latched at the start of a frame: where it lies, and its mode.

    `active` and `whole` are ns of a frame, `depth` is bytes of a pixel, 0 for a
    word length that is not modelled.
    """

    address: Iova = Iova(0)
    lines: int = 0
    pixels: int = 0
    depth: int = 0
    active: int = 0
    whole: int = SHORTEST_FRAME

    @property
    def line_bytes(self) -> int:
        return self.pixels * self.depth


class Lcdif:
    """Hardware model; `frames` records every frame it fetched."""

    compatible: ClassVar[tuple[str, ...]] = ("fsl,imx6sx-lcdif",)
    tables: ClassVar[tuple[RegisterTable, ...]] = (TABLE,)
    dma: ClassVar[bool] = True

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        assigned = slot.node.number("assigned-clock-rates") or DEFAULT_PIXEL_CLOCK
        self._pixel_clock = slot.clock_rate("pix", assigned)
        self.frames = FrameRecorder(slot.master.name, slot.clock)
        self.regs = RegisterFile(TABLE, slot.log)
        self.targets: tuple[Target, ...] = (self.regs,)
        self._mode = Timing()
        self._timer: Event | None = None
        self._fault: str | None = None
        self._fetching = False
        self._remarked: set[tuple[str, str]] = set()
        self.regs.on_write("AS_CTRL", partial(self._keep, "AS_CTRL"))
        for name, written in (
            ("CTRL", self._write_ctrl),
            ("CTRL1", self._write_ctrl1),
            ("CTRL2", partial(self._keep, "CTRL2")),
            ("VDCTRL0", partial(self._keep, "VDCTRL0")),
        ):
            self.regs.on_write(name, written)
            self.regs.on_write(f"{name}_SET", lambda bits, n=name, w=written: w(self.regs.get(n) | bits))
            self.regs.on_write(f"{name}_CLR", lambda bits, n=name, w=written: w(self.regs.get(n) & ~bits))
            self.regs.on_write(f"{name}_TOG", lambda bits, n=name, w=written: w(self.regs.get(n) ^ bits))

    # --- registers ---------------------------------------------------------

    def _write_ctrl(self, value: int) -> None:
        if value & SFTRST:
            self._reset()
            return
        if self.regs.get("CTRL") & ~value & DOTCLK_MODE and not self._fetching:
            value &= ~RUN
        self.regs.set("CTRL", value)
        needed = RUN | MASTER if self._fetching else RUN | MASTER | DOTCLK_MODE
        if value & (needed | CLKGATE) != needed:
            self._stop()
        elif self._timer is None:
            self._timer = self._slot.clock.after(0, self._start_frame)

    def _reset(self) -> None:
        """Everything stops; the manual lets CTRL1.RESET alone keep its value."""
        self._stop()
        kept = self.regs.get("CTRL1") & PANEL_RESET
        self.regs.reset()
        self._write_ctrl1(self.regs.get("CTRL1") | kept)

    def _write_ctrl1(self, value: int) -> None:
        self.regs.set("CTRL1", value)
        self._update_irq()

    def _keep(self, name: str, value: int) -> None:
        """Store `value`, with a remark on what it asks for in vain."""
        self.regs.set(name, value)
        for place in WITHOUT_MODEL:
            if place[0] == name and place not in self._remarked and self.regs.field(*place):
                self._remarked.add(place)
                self._slot.log(f"lcdif: {name}.{place[1]} is known but not modelled")

    def _raise(self, event: int) -> None:
        self.regs.set("CTRL1", self.regs.get("CTRL1") | event)
        self._update_irq()

    def _update_irq(self) -> None:
        value = self.regs.get("CTRL1")
        if self._slot.irqs:
            self._slot.irqs[0].set(bool(value & (value >> ENABLE_SHIFT) & EVENTS))

    # --- timing ------------------------------------------------------------

    def _timing(self) -> Timing:
        """A frame as the registers describe it now."""
        lines, pixels = (
            self.regs.field("TRANSFER_COUNT", "V_COUNT"),
            self.regs.field("TRANSFER_COUNT", "H_COUNT"),
        )
        depth = DEPTHS.get(self.regs.field("CTRL", "WORD_LENGTH"), 0)
        line = self.regs.field("VDCTRL2", "HSYNC_PERIOD")
        period = self.regs.get("VDCTRL1")
        if self.regs.field("VDCTRL0", "VSYNC_PERIOD_UNIT"):
            period *= line
        whole = max(self._duration(max(period, lines * line)), SHORTEST_FRAME)
        active = min(self._duration(lines * line), whole)
        return Timing(Iova(self.regs.get("CUR_BUF")), lines, pixels, depth, active, whole)

    def _duration(self, clocks: int) -> int:
        """Nanoseconds of that many pixel clocks."""
        return clocks * SECOND // self._pixel_clock

    # --- scan-out ----------------------------------------------------------

    def _start_frame(self) -> None:
        self._fault = None
        self._fetching = True
        self._mode = self._timing()
        self.frames.begin(self._mode.address)
        self._raise(VSYNC_EDGE)
        self._schedule_band(0)

    def _schedule_band(self, band: int) -> None:
        delay = self._mode.active // BANDS
        self._timer = self._slot.clock.after(delay, lambda: self._fetch_band(band))

    def _fetch_band(self, band: int) -> None:
        mode = self._mode
        lines = band_lines(mode.lines, band)
        size = (lines.stop - lines.start) * mode.line_bytes
        if size and self._fault is None:
            address = Iova(mode.address + lines.start * mode.line_bytes)
            try:
                span, data = self._slot.dma.read(address, size)
                self.frames.add([span], data)
            except DmaAbort as abort:
                self._fault = f"{abort.reason} at iova {abort.iova:#x}"
                self.regs.set("BM_ERROR_STAT", abort.iova & 0xFFFF_FFFF)
                self._raise(UNDERFLOW)
        if band + 1 < BANDS:
            self._schedule_band(band + 1)
        else:
            self._end_frame()

    def _end_frame(self) -> None:
        self._fetching = False
        control = self.regs.get("CTRL")
        if control & DOTCLK_MODE:
            blanking = self._mode.whole - self._mode.active // BANDS * BANDS
            self._timer = self._slot.clock.after(blanking, self._start_frame)
        else:
            self._timer = None
            self.regs.set("CTRL", control & ~RUN)
        self.frames.finish(self._fault)
        self.regs.set("CUR_BUF", self.regs.get("NEXT_BUF"))
        self._raise(FRAME_DONE)

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._fetching:
            self._fetching = False
            self.frames.finish(self._fault or STOPPED)

    # --- for people --------------------------------------------------------

    def picture(self, iova: Iova) -> Bytes | None:
        """The buffer at `iova` as RGB, shape (lines, pixels, 3); None where nothing is mapped."""
        mode = self._timing()
        size = mode.lines * mode.line_bytes
        data = self._slot.dma.peek(iova, size) if size else None
        if data is None:
            return None
        return rgb(data, mode.lines, mode.pixels, mode.depth)
