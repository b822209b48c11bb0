"""A camera of 64x48 pixels alone on a bus, for the tests of its hardware."""

from __future__ import annotations

import numpy as np

from devices.camera.hardware import Camera
from devices.camera.regs import FORMAT_NV12, FORMAT_XRGB8888
from tests.devices.engine_bench import EngineBench

DONE, ERROR, OVERRUN = 1, 2, 4
ENABLE, RESET = 1, 1 << 31
PERIOD = 16_666_667
BAND = PERIOD * 15 // 16 // 8
READOUT = 8 * BAND
"""Nanoseconds: a frame period, one of the eight bands of a read-out, a whole read-out."""

WIDTH, HEIGHT = 64, 48


class CameraBench(EngineBench):
    """A camera of 64x48 pixels, not streaming, all interrupts enabled."""

    def __init__(self, code: int = FORMAT_XRGB8888, stride: int = 0, irqs: int = 1) -> None:
        super().__init__(Camera, irqs)
        self.write("FORMAT", code)
        self.write("SIZE", HEIGHT << 16 | WIDTH)
        self.write("STRIDE", stride or (WIDTH if code == FORMAT_NV12 else 4 * WIDTH))
        self.write("STRIDE_UV", stride or WIDTH)
        self.write("IRQ_ENABLE", DONE | ERROR | OVERRUN)

    def queue(self, address: int, chroma: int = 0) -> None:
        self.write("BUF_ADDR", address)
        self.write("BUF_ADDR_UV", chroma)
        self.write("QUEUE", 1)

    def clear(self) -> int:
        """Read the interrupt status and clear what was set."""
        status = self.read("IRQ_STATUS")
        self.write("IRQ_STATUS", status)
        return status


def rgb(memory: np.ndarray) -> np.ndarray:
    """XRGB8888 bytes of 64x48 as (48, 64, 3)."""
    return memory.reshape(HEIGHT, WIDTH, 4)[..., 2::-1]
