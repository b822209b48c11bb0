"""A display of 64x48 pixels alone on a bus, for the tests of its hardware."""

from __future__ import annotations

from typing import Any

import numpy as np
import xxhash

from devices.lcdif.hardware import Lcdif
from devices.lcdif.regs import WORD_LENGTH_24
from soc.clock import SECOND
from tests.devices.engine_bench import DRAM, EngineBench

RUN, MASTER, DOTCLK_MODE, CLKGATE, SFTRST = 1 << 0, 1 << 5, 1 << 17, 1 << 30, 1 << 31
SCANNING = RUN | MASTER | DOTCLK_MODE
VSYNC, DONE, UNDERFLOW, OVERFLOW = 1 << 8, 1 << 9, 1 << 10, 1 << 11
ENABLE_ALL = 0xF000
PERIOD_IN_LINES = 1 << 21
"""Of VDCTRL0."""
PERIOD_IN_LINES = 1 << 21
RESET_CTRL1 = 0x000F0000

WIDTH, HEIGHT = 64, 48
SIZE = 4 * WIDTH * HEIGHT
LINE_CLOCKS, FRAME_LINES = 100, 60
CLOCK = 10_000_000
PERIOD = FRAME_LINES * LINE_CLOCKS * SECOND // CLOCK
BAND = HEIGHT * LINE_CLOCKS * SECOND // CLOCK // 8
ACTIVE = 8 * BAND
"""Nanoseconds of a frame, of one of the eight bands of its active part, and of all of them."""

FIRST, SECOND_BUFFER, THIRD = DRAM, DRAM + 0x1_0000, DRAM + 0x2_0000


class LcdifBench(EngineBench):
    """A display of 64x48 XRGB8888 pixels out of reset, three different buffers in memory."""

    def __init__(self, irqs: int = 1, **properties: int) -> None:
        super().__init__(Lcdif, irqs, **({"assigned-clock-rates": CLOCK} | properties))
        for seed, address in enumerate((FIRST, SECOND_BUFFER, THIRD)):
            self.fill(address, np.random.default_rng(seed).bytes(SIZE))
        self.set_mode()

    def set_mode(self) -> None:
        """Take the display out of reset and program the mode."""
        self.write("CTRL_CLR", SFTRST)
        self.write("CTRL_CLR", CLKGATE)
        self.write("CTRL_SET", WORD_LENGTH_24 << 8)
        self.write("TRANSFER_COUNT", HEIGHT << 16 | WIDTH)
        self.write("VDCTRL0", PERIOD_IN_LINES)
        self.write("VDCTRL0", PERIOD_IN_LINES)
        self.write("VDCTRL1", FRAME_LINES)
        self.write("VDCTRL2", LINE_CLOCKS)

    def start(self, current: int = FIRST, following: int = FIRST) -> LcdifBench:
        self.write("CUR_BUF", current)
        self.write("NEXT_BUF", following)
        self.write("CTRL_SET", SCANNING)
        return self

    @property
    def records(self) -> list[Any]:
        return list(self.engine.frames.records)

    @property
    def events(self) -> int:
        return self.read("CTRL1") & 0xF00

    def digest(self, address: int) -> str:
        return xxhash.xxh3_128(self.memory(address, SIZE).tobytes()).hexdigest()
