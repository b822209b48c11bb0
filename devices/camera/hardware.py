"""The camera: a sensor that writes its frames to memory by DMA.

A frame is written in bands while the sensor reads out, so a fault or a reset
in the middle of a frame leaves a partial frame, as it would on silicon. The
read-out takes 15/16 of the frame period.

Not modelled: the sensor's control bus, MIPI CSI-2, exposure, image processing,
back-pressure.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from devices.camera.regs import (
    DMA_ERROR,
    ENABLE,
    EVENTS,
    FORMAT_NV12,
    FORMATS,
    FRAME_DONE,
    LARGEST_SIDE,
    OVERRUN,
    PUSH,
    QUEUE_DEPTH,
    RESET,
    TABLE,
)
from devices.camera.sensor import Sensor
from soc.address import Iova
from soc.bus import Target
from soc.clock import Event
from soc.device import Slot
from soc.frames import BANDS, FrameRecorder, band_lines
from soc.iommu.port import DmaAbort
from soc.memory.span import Bytes
from soc.registers import RegisterFile, RegisterTable

SHORTEST_PERIOD = 100_000

Buffer = tuple[Iova, Iova]
"""Addresses of the two planes."""

Plane = tuple[Bytes, Iova, int]
"""What to write, shape (lines, bytes), where to, and the stride in bytes."""


@dataclass(frozen=True)
class Exposure:
    """A frame in flight, its settings as they were when it started; times in ns."""

    buffer: Buffer
    planes: tuple[Plane, ...]
    period: int

    @property
    def band_time(self) -> int:
        """The read-out takes 15/16 of the period."""
        return self.period * 15 // 16 // BANDS


class Camera:
    """Hardware model; `frames` records every frame it put on the bus."""

    compatible: ClassVar[tuple[str, ...]] = ("dmabuf-soc,camera",)
    tables: ClassVar[tuple[RegisterTable, ...]] = (TABLE,)
    dma: ClassVar[bool] = True

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self.frames = FrameRecorder(slot.master.name, slot.clock)
        self.regs = RegisterFile(TABLE, slot.log)
        self.targets: tuple[Target, ...] = (self.regs,)
        self._queue: deque[Buffer] = deque()
        self._sensor: Sensor | None = None
        self._shape: tuple[int, ...] = ()
        self._shot: Exposure | None = None
        self._timer: Event | None = None
        self.regs.on_read("STATUS", self._status)
        self.regs.on_write("CTRL", self._write_ctrl)
        self.regs.on_write("QUEUE", self._push)
        self.regs.on_write("IRQ_STATUS", self._clear_irq)
        self.regs.on_write("IRQ_ENABLE", self._enable_irq)

    # --- registers ---------------------------------------------------------

    def _status(self) -> int:
        busy, queued = TABLE["STATUS"].field("BUSY"), TABLE["STATUS"].field("QUEUED")
        return busy.put(self._shot is not None) | queued.put(len(self._queue))

    def _push(self, value: int) -> None:
        if value & PUSH and len(self._queue) < QUEUE_DEPTH:
            self._queue.append((Iova(self.regs.get("BUF_ADDR")), Iova(self.regs.get("BUF_ADDR_UV"))))

    def _write_ctrl(self, value: int) -> None:
        if value & RESET:
            self._reset()
            return
        was_enabled = self.regs.get("CTRL") & ENABLE
        self.regs.set("CTRL", value & ENABLE)
        if value & ENABLE and not was_enabled and self._timer is None:
            self._timer = self._slot.clock.after(0, self._start_frame)

    def _reset(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._shot is not None:
            self._shot = None
            self.frames.finish(fault="reset")
        self._queue.clear()
        self.regs.reset()
        self._update_irq()

    def _clear_irq(self, value: int) -> None:
        self.regs.set("IRQ_STATUS", self.regs.get("IRQ_STATUS") & ~value)
        self._update_irq()

    def _enable_irq(self, value: int) -> None:
        self.regs.set("IRQ_ENABLE", value & EVENTS)
        self._update_irq()

    def _raise(self, event: int) -> None:
        self.regs.set("IRQ_STATUS", self.regs.get("IRQ_STATUS") | event)
        self._update_irq()

    def _update_irq(self) -> None:
        if self._slot.irqs:
            self._slot.irqs[0].set(bool(self.regs.get("IRQ_STATUS") & self.regs.get("IRQ_ENABLE")))

    # --- frames ------------------------------------------------------------

    def _start_frame(self) -> None:
        self._timer = None
        if not self.regs.get("CTRL") & ENABLE:
            return
        period = max(self.regs.get("FRAME_PERIOD"), SHORTEST_PERIOD)
        if not self._queue:
            self._raise(OVERRUN)
            self._timer = self._slot.clock.after(period, self._start_frame)
            return
        buffer = self._queue.popleft()
        self.frames.begin(buffer[0])
        self._shot = Exposure(buffer, self._expose(buffer), period)
        if self._shot.planes:
            self._schedule_band(0)
        else:
            self._end_frame(-1, "SIZE or FORMAT is not valid")

    def _expose(self, buffer: Buffer) -> tuple[Plane, ...]:
        """Bring the sensor to the present settings and frame number; nothing if they are not valid."""
        width, height = self.regs.field("SIZE", "WIDTH"), self.regs.field("SIZE", "HEIGHT")
        code, pattern = self.regs.field("FORMAT", "CODE"), self.regs.field("PATTERN", "CODE")
        if code not in FORMATS.values():
            return ()
        if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
            return ()
        if code == FORMAT_NV12 and (width | height) & 1:
            return ()
        if self._shape != (width, height, code, pattern) or self._sensor is None:
            self._shape = (width, height, code, pattern)
            self._sensor = Sensor(*self._shape)
        self._sensor.expose(self.regs.get("FRAME_COUNT"))
        strides = (self.regs.get("STRIDE"), self.regs.get("STRIDE_UV"))
        return tuple(zip(self._sensor.planes, buffer, strides, strict=False))

    def _schedule_band(self, band: int) -> None:
        assert self._shot is not None  # bands are of a frame in flight
        self._timer = self._slot.clock.after(self._shot.band_time, partial(self._write_band, band))

    def _write_band(self, band: int) -> None:
        assert self._shot is not None  # a reset cancels the timer
        for pixels, address, stride in self._shot.planes:
            lines = band_lines(len(pixels), band)
            rows = pixels[lines]
            if not len(rows):
                continue
            try:
                spans = self._slot.dma.write_rows(Iova(address + lines.start * stride), rows, stride)
            except DmaAbort as abort:
                self._end_frame(band, abort.reason)
                return
            self.frames.add(spans, rows)
        if band + 1 < BANDS:
            self._schedule_band(band + 1)
        else:
            self._end_frame(band, None)

    def _end_frame(self, band: int, fault: str | None) -> None:
        """The frame in flight is over after `band`; the next starts at the period's boundary."""
        shot, self._shot = self._shot, None
        assert shot is not None  # only a frame in flight ends
        left = shot.period - shot.band_time * (band + 1)
        self._timer = self._slot.clock.after(left, self._start_frame)
        self.frames.finish(fault)
        if fault is None:
            self.regs.set("FRAME_COUNT", (self.regs.get("FRAME_COUNT") + 1) & 0xFFFF_FFFF)
            self.regs.set("DONE_ADDR", shot.buffer[0])
            self._raise(FRAME_DONE)
        else:
            self._raise(DMA_ERROR)
