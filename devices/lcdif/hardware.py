"""LCDIF: scans a frame out of memory by DMA, again and again.

The fetch is done in bands over the active part of the frame. When the last
line is out, NEXT_BUF becomes CUR_BUF and CUR_FRAME_DONE is raised; the next
frame begins after the blanking. An aborted fetch starves the FIFO: UNDERFLOW
is raised, BM_ERROR_STAT names the address, the rest of the frame is lost.

The pixel clock comes from the node's `assigned-clock-rates` (Hz).

Not modelled: MPU and DVI modes, alpha surface, colour space conversion, byte
swizzling, CRC, FIFO levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from devices.lcdif.regs import TABLE, WORD_LENGTH_16, WORD_LENGTH_24
from soc.address import Iova
from soc.bus import Target
from soc.clock import SECOND, Event
from soc.device import Slot
from soc.frames import FrameRecorder
from soc.iommu.port import DmaAbort
from soc.memory.dram import Bytes
from soc.registers import RegisterFile, RegisterTable

RUN, SFTRST, CLKGATE = 1 << 0, 1 << 31, 1 << 30
VSYNC_EDGE, FRAME_DONE, UNDERFLOW, OVERFLOW = 1 << 8, 1 << 9, 1 << 10, 1 << 11
EVENTS = VSYNC_EDGE | FRAME_DONE | UNDERFLOW | OVERFLOW
ENABLE_SHIFT = 4
BANDS = 8
DEFAULT_PIXEL_CLOCK = 148_500_000
SHORTEST_FRAME = 100_000
BYTES_PER_PIXEL = {WORD_LENGTH_16: 2, WORD_LENGTH_24: 4}


@dataclass(frozen=True)
class Timing:
    """A mode as latched at the start of a frame; `active` and `whole` are ns of a frame."""

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

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._pixel_clock = (
            slot.node.number("assigned-clock-rates", DEFAULT_PIXEL_CLOCK) or DEFAULT_PIXEL_CLOCK
        )
        self.frames = FrameRecorder(slot.master.name, slot.clock)
        self.regs = RegisterFile(TABLE, slot.log)
        self.targets: tuple[Target, ...] = (self.regs,)
        self._mode = Timing()
        self._timer: Event | None = None
        self._fault: str | None = None
        self._fetching = False
        for name, written in (
            ("CTRL", self._write_ctrl),
            ("CTRL1", self._write_ctrl1),
            ("CTRL2", partial(self.regs.set, "CTRL2")),
            ("VDCTRL0", partial(self.regs.set, "VDCTRL0")),
        ):
            self.regs.on_write(name, written)
            self.regs.on_write(f"{name}_SET", lambda bits, n=name, w=written: w(self.regs.get(n) | bits))
            self.regs.on_write(f"{name}_CLR", lambda bits, n=name, w=written: w(self.regs.get(n) & ~bits))
            self.regs.on_write(f"{name}_TOG", lambda bits, n=name, w=written: w(self.regs.get(n) ^ bits))

    # --- registers ---------------------------------------------------------

    def _write_ctrl(self, value: int) -> None:
        if value & SFTRST:
            value = (value | CLKGATE) & ~RUN
        self.regs.set("CTRL", value)
        if self._running and self._timer is None:
            self._timer = self._slot.clock.after(0, self._start_frame)
        elif not self._running:
            self._stop()

    def _write_ctrl1(self, value: int) -> None:
        self.regs.set("CTRL1", value)
        self._update_irq()

    @property
    def _running(self) -> bool:
        return self.regs.get("CTRL") & (RUN | SFTRST | CLKGATE) == RUN

    def _raise(self, event: int) -> None:
        self.regs.set("CTRL1", self.regs.get("CTRL1") | event)
        self._update_irq()

    def _update_irq(self) -> None:
        value = self.regs.get("CTRL1")
        if self._slot.irqs:
            self._slot.irqs[0].set(bool(value & (value >> ENABLE_SHIFT) & EVENTS))

    # --- timing ------------------------------------------------------------

    def _timing(self) -> Timing:
        """The present mode, from the registers."""
        lines, pixels = (
            self.regs.field("TRANSFER_COUNT", "V_COUNT"),
            self.regs.field("TRANSFER_COUNT", "H_COUNT"),
        )
        depth = BYTES_PER_PIXEL.get(self.regs.field("CTRL", "WORD_LENGTH"), 0)
        line = self.regs.field("VDCTRL2", "HSYNC_PERIOD") * SECOND
        total = max(self.regs.field("VDCTRL1", "VSYNC_PERIOD"), lines)
        whole = max(total * line // self._pixel_clock, SHORTEST_FRAME)
        return Timing(lines, pixels, depth, min(lines * line // self._pixel_clock, whole), whole)

    # --- scan-out ----------------------------------------------------------

    def _start_frame(self) -> None:
        self._timer = None
        if not self._running:
            return
        self._fault = None
        self._fetching = True
        self._mode = self._timing()
        self.frames.begin(Iova(self.regs.get("CUR_BUF")))
        self._raise(VSYNC_EDGE)
        self._schedule_band(0)

    def _schedule_band(self, band: int) -> None:
        delay = self._mode.active // BANDS
        self._timer = self._slot.clock.after(delay, lambda: self._fetch_band(band))

    def _fetch_band(self, band: int) -> None:
        mode = self._mode
        first, last = mode.lines * band // BANDS, mode.lines * (band + 1) // BANDS
        size = (last - first) * mode.line_bytes
        if size and self._fault is None:
            address = Iova(self.regs.get("CUR_BUF") + first * mode.line_bytes)
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
        blanking = self._mode.whole - self._mode.active // BANDS * BANDS
        self._timer = self._slot.clock.after(blanking, self._start_frame)
        self.frames.finish(self._fault)
        self.regs.set("CUR_BUF", self.regs.get("NEXT_BUF"))
        self._raise(FRAME_DONE)

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._fetching:
            self._fetching = False
            self.frames.finish(self._fault or "stopped")

    # --- for people --------------------------------------------------------

    def picture(self, iova: Iova) -> Bytes | None:
        """The buffer at `iova` as RGB, shape (lines, pixels, 3); None where nothing is mapped."""
        mode = self._timing()
        size = mode.lines * mode.line_bytes
        data = self._slot.dma.peek(iova, size) if size else None
        if data is None:
            return None
        if mode.depth == 4:
            return data.reshape(mode.lines, mode.pixels, 4)[..., 2::-1].copy()
        pixels = np.ascontiguousarray(data).view("<u2").reshape(mode.lines, mode.pixels)
        channels = [
            (pixels >> 11 & 31) * 255 // 31,
            (pixels >> 5 & 63) * 255 // 63,
            (pixels & 31) * 255 // 31,
        ]
        return np.stack(channels, axis=-1).astype(np.uint8)
