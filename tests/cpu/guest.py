"""What the CPU tests run on: a small machine and programs built from programs.S."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from soc.address import PAGE_SHIFT, PhysAddr
from soc.bus import Bus, Window
from soc.clock import Clock
from soc.cpu import Cpu, Image
from soc.cpu.psci import Conduit
from soc.cpu.ways import Choice
from soc.memory.cache.comparing import ComparingCache
from soc.memory.dram import Bank, Dram
from soc.mmu.tables import PageTable
from soc.mmu.vmsa import ACCESS_FLAG, AP_EL0, AP_READ_ONLY, PXN, SH_INNER, UXN

HERE = Path(__file__).parent
BASE = PhysAddr(0x4000_0000)
SIZE = 16 << 20
DEVICE = 0x0900_0000
SMALL_DEVICE = 0x0900_1000
SMALL_SIZE = 0x20
HOLE = 0x0A00_0000
TABLES = BASE + (8 << 20)
READ_ONLY = BASE + (6 << 20)
USER = BASE + (7 << 20)
CODE_PAGES = 4
EXECUTABLE_ALIAS, DATA_ALIAS = 0x6000_0000, 0x6001_0000
"""Other virtual addresses of the program's pages: as they are, and never executable."""


def build(sources: list[Path], output: Path, *options: str, script: str = "guest.ld") -> bytes:
    """Compile for AArch64 and link as `script` says: guest.ld puts the program at BASE."""
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-freestanding-none"]
    command += ["-mcpu=cortex_a72", "-nostdlib", "-static", f"-Wl,-T,{HERE / script}", *options]
    subprocess.run([*command, *map(str, sources), "-o", str(output)], check=True, capture_output=True)
    return output.read_bytes()


class Device:
    """Registers that count: reads answer 5, `on_read` and `on_write` hear of accesses."""

    def __init__(self) -> None:
        self.accesses: list[tuple[str, int, int, int]] = []
        self.on_read: Callable[[int], None] = lambda offset: None
        self.on_write: Callable[[int, int], None] = lambda offset, value: None

    def read(self, offset: int, size: int) -> int:
        self.accesses.append(("read", offset, size, 5))
        self.on_read(offset)
        return 5

    def write(self, offset: int, size: int, value: int) -> None:
        self.accesses.append(("write", offset, size, value))
        self.on_write(offset, value)


class GuestMachine:
    """DRAM, a device of one page, one of 32 bytes, holes, and a core with further `options`."""

    def __init__(
        self,
        image: Image,
        engine: Choice,
        psci: Conduit | None = None,
        cached: bool = False,
        size: int = SIZE,
        **options: Any,
    ) -> None:
        self.image = image
        self.dram = Dram([Bank(BASE, size)])
        self.bus = Bus(self.dram)
        self.clock = Clock()
        self.device = Device()
        self.small = Device()
        self.log: list[str] = []
        self.bus.attach(Window(PhysAddr(DEVICE), 0x1000, self.device, "device"))
        self.bus.attach(Window(PhysAddr(SMALL_DEVICE), SMALL_SIZE, self.small, "small"))
        self.cache = ComparingCache(self.dram, lambda: self.clock.now)
        options |= {"engine": engine, "psci": psci, "cache": self.cache if cached else None}
        self.cpu = Cpu(self.bus, self.clock, self.log.append, **options)
        self.cpu.load(image)

    def close(self) -> None:
        self.cache.close()
        for bank in self.dram.banks:
            bank.close()

    def label(self, name: str) -> PhysAddr:
        return PhysAddr(self.image.symbols.address(name))

    def start(self, program: str, **registers: int) -> None:
        """Reset to `program` with the named registers set."""
        numbers = {int(name[1:]): value for name, value in registers.items()}
        self.cpu.reset(self.label(program), *(numbers.get(n, 0) for n in range(max(numbers, default=0) + 1)))

    def start_with_mmu(self, program: str, **registers: int) -> None:
        """The same behind an identity map: code read-only, data never executable."""
        registers.update(x28=registers.get("x1", 0), x29=registers.get("x2", 0))
        registers.update(x1=self.identity_map(), x30=self.label(program))
        self.start("enable_mmu", **registers)

    def run(self, nanoseconds: int = 100_000) -> object:
        return self.cpu.run(self.clock.now + nanoseconds)

    def run_machine(self, nanoseconds: int) -> object:
        """A machine loop: events between slices, time passes in WFI."""
        end = self.clock.now + nanoseconds
        while self.clock.now < end:
            self.clock.run_due()
            event = self.clock.next_event()
            until = end if event is None else min(end, event)
            reason = self.cpu.run(until)
            if reason.name in ("POWER_OFF", "RESET", "HALTED"):
                return reason
            if reason.name == "WFI":
                event = self.clock.next_event()
                if event is None:
                    return reason
                self.clock.advance(min(event, end))
        return reason

    def x(self, number: int) -> int:
        return self.cpu.x(number)

    def identity_map(self, executable: bool = False) -> int:
        """Translation tables in DRAM; gives their root. `executable` makes data so."""
        pages = iter(range(TABLES, TABLES + (1 << 20), 0x1000))
        table = PageTable(lambda: PhysAddr(next(pages)), lambda page: None, self.dram.words)
        normal, device = ACCESS_FLAG | SH_INNER, ACCESS_FLAG | UXN | PXN
        first = BASE >> PAGE_SHIFT
        code = np.arange(first, first + CODE_PAGES)
        never = normal if executable else normal | UXN | PXN
        table.map(first, code, normal | AP_READ_ONLY)
        table.map(EXECUTABLE_ALIAS >> PAGE_SHIFT, code, normal | AP_READ_ONLY)
        table.map(DATA_ALIAS >> PAGE_SHIFT, code, normal | UXN | PXN)
        edges = [first + CODE_PAGES, READ_ONLY >> PAGE_SHIFT, USER >> PAGE_SHIFT, TABLES >> PAGE_SHIFT]
        for start, end, attributes in zip(edges, edges[1:], (0, AP_READ_ONLY, AP_EL0), strict=False):
            table.map(start, np.arange(start, end), never | attributes)
        table.map(DEVICE >> PAGE_SHIFT, np.arange(2) + (DEVICE >> PAGE_SHIFT), device)
        table.map(HOLE >> PAGE_SHIFT, np.array([HOLE >> PAGE_SHIFT]), device)
        return table.root
