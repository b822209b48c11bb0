"""The instruction cache: translated code, and what IC instructions forget of it.

Code that the core itself stores is always seen; code that a device wrote stays
stale until an IC, as on silicon. The cache is physically tagged (PIPT): an IC
by any address of a page reaches its code under all of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Protocol

from soc.bus import Bus
from soc.cpu.engine import Engine, library
from soc.cpu.sysregs import SystemRegisters

IC_IVAU = (1, 3, 7, 5, 1)
IC_IALLU = (1, 0, 7, 5, 0)
IC_IALLUIS = (1, 0, 7, 1, 0)
CACHE_LINE = 64
CPU = {"cpu"}
"""The core among the masters of the bus."""


class LineForgetter(Protocol):
    name: str

    def forget(self, address: int) -> bool:
        """Drop code of the line at virtual `address`; False if only dropping everything would do."""
        ...


class PhysicalLines:
    """By physical address, through the engine's own bookkeeping. Only under `pinned_wheel()`.

    As long as only the core has written to memory no code can be stale.
    """

    name = "code by physical line"

    def __init__(self, engine: Engine, bus: Bus) -> None:
        self._engine = engine
        self._bus = bus
        self._banks = [(bank.base, bank.end, bank.host_pointer) for bank in bus.dram.banks]
        self._handle = ctypes.c_void_p(engine.handle)
        self._offset = library.qemu_ram_addr_from_host_aarch64
        self._offset.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        self._offset.restype = ctypes.c_uint64
        self._invalidate = library.tb_invalidate_phys_range_aarch64
        self._invalidate.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
        self._invalidate.restype = None

    def forget(self, address: int) -> bool:
        physical = self._engine.translate(address) if self._bus.writers - CPU else None
        if physical is None:
            return True
        for base, end, pointer in self._banks:
            if base <= physical < end:
                start = self._offset(self._handle, pointer + physical - base)
                self._invalidate(self._handle, start, start + CACHE_LINE)
                break
        return True


class VirtualLines:
    """By virtual address, public API only. One that cannot be executed needs everything dropped."""

    name = "code by virtual line"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def forget(self, address: int) -> bool:
        if self._engine.translate(address, execute=True) is None:
            return self._engine.translate(address) is None
        self._engine.forget_code(address, CACHE_LINE)
        return True


class InstructionCache:
    """Carries out IC operations.

    What drops everything takes effect before the next block (`interrupt` asks
    for a stop there), because the engine cannot drop the block it is in.
    """

    def __init__(
        self,
        engine: Engine,
        registers: SystemRegisters,
        lines: LineForgetter,
        interrupt: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._lines = lines
        self._interrupt = interrupt
        self._all = False
        registers.on_write(IC_IVAU, self._line)
        registers.on_write(IC_IALLU, self._everything)
        registers.on_write(IC_IALLUIS, self._everything)

    def settle(self) -> None:
        """Between slices: carry out what could not be done inside a block."""
        if self._all:
            self._all = False
            self._engine.flush_code()

    def _line(self, address: int) -> bool:
        if not self._lines.forget(address & ~(CACHE_LINE - 1)):
            self._everything(0)
        return False

    def _everything(self, value: int) -> bool:
        self._all = True
        self._interrupt()
        return False
