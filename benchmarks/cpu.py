"""The CPU core against bare Unicorn: an integer loop, and MMIO accesses.

Both sides run the same words at the same address with the same page size. The
bare side has nothing but the engine; ours has virtual time, exceptions,
interrupts and the bus.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable

import numpy as np
import unicorn
from unicorn.arm64_const import UC_ARM64_REG_X0, UC_ARM64_REG_X9
from unicorn.unicorn_py3 import unicorn as binding

from benchmarks.row import Row, fastest
from soc.address import PhysAddr
from soc.bus import Bus, Window
from soc.clock import Clock
from soc.cpu.core import Cpu
from soc.cpu.image import flat_image
from soc.memory.dram import Bank, Dram
from soc.processor import StopReason
from soc.registers import Register, RegisterFile, RegisterTable

BASE = 0x8000_0000
SIZE = 64 << 20
DEVICE = 0x0900_0000

INTEGER_LOOP = (
    0x91000421,  # 1: add  x1, x1, #1
    0xCA010042,  # eor  x2, x2, x1
    0x8B020063,  # add  x3, x3, x2
    0xD37DF024,  # lsl  x4, x1, #3
    0xCB020085,  # sub  x5, x4, x2
    0xAA0300A6,  # orr  x6, x5, x3
    0x8B0600E7,  # add  x7, x7, x6
    0xF1000400,  # subs x0, x0, #1
    0x54FFFF01,  # b.ne 1b
    0xD503207F,  # wfi
)
INTEGER_TURNS = 100_000_000

MMIO_LOOP = (
    0xB9400121,  # 1: ldr w1, [x9]
    0xF1000400,  # subs x0, x0, #1
    0x54FFFFC1,  # b.ne 1b
    0xD503207F,  # wfi
)
MMIO_TURNS = 1_000_000

TABLE = RegisterTable("bench", 0x1000, "this file", [Register(0x0, "VALUE", "rw", "A register", reset=42)])


def rows() -> list[Row]:
    """Million instructions a second, and million MMIO reads a second."""
    return [
        _row("guest integer loop", INTEGER_LOOP, INTEGER_TURNS, len(INTEGER_LOOP) - 1, "MIPS", 0.9),
        _row("MMIO reads of a device register", MMIO_LOOP, MMIO_TURNS, 1, "M/s", 0.5),
    ]


def _row(name: str, words: tuple[int, ...], turns: int, per_turn: int, unit: str, bar: float) -> Row:
    ours, bare = fastest(_ours(words, turns), _bare(words, turns))
    rate = turns * per_turn / 1e6
    return Row(name, rate / ours, unit, f"bare Unicorn, {rate / bare:,.1f} {unit}", bare / ours, bar)


def _code(words: tuple[int, ...]) -> bytes:
    return np.array(words, dtype="<u4").tobytes()


def _ours(words: tuple[int, ...], turns: int) -> Callable[[], None]:
    """The loop on the core, from reset to its WFI."""
    bus = Bus(Dram([Bank(PhysAddr(BASE), SIZE)]))
    bus.attach(Window(PhysAddr(DEVICE), TABLE.span, RegisterFile(TABLE, print), "bench"))
    clock = Clock()
    cpu = Cpu(bus, clock, print)
    image = flat_image(_code(words), PhysAddr(BASE))
    cpu.load(image)

    def run() -> None:
        cpu.reset(image.entry, turns, 0, 0, 0, 0, 0, 0, 0, 0, DEVICE)
        while cpu.run(clock.now + 1_000_000_000) is not StopReason.WFI:
            pass

    return run


def _bare(words: tuple[int, ...], turns: int) -> Callable[[], None]:
    """The loop on the engine alone, MMIO by a raw callback."""
    memory = mmap.mmap(-1, SIZE)
    view = np.frombuffer(memory, dtype=np.uint8)
    engine = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    engine.ctl_set_page_size(4096)
    engine.mem_map_ptr(BASE, SIZE, unicorn.UC_PROT_ALL, view.ctypes.data)
    view[: 4 * len(words)] = np.frombuffer(_code(words), dtype=np.uint8)
    read = binding.MMIO_READ_CFUNC(lambda handle, offset, size, key: 42)
    write = binding.MMIO_WRITE_CFUNC(lambda handle, offset, size, value, key: None)
    binding.uclib.uc_mmio_map(engine._uch, DEVICE, 0x1000, read, None, write, None)
    engine.ctl_exits_enabled(True)

    def run() -> None:
        engine.reg_write(UC_ARM64_REG_X0, turns)
        engine.reg_write(UC_ARM64_REG_X9, DEVICE)
        engine.emu_start(BASE, 0)
        assert memory and read and write  # the engine does not keep them alive

    return run
