"""Programs of a few instructions, written as words, on a core of any exception level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from soc.address import PhysAddr
from soc.bus import Bus
from soc.clock import Clock
from soc.cpu import Cpu, StopReason
from soc.cpu.exceptions import Taken
from soc.cpu.psci import Conduit
from soc.cpu.ways import Choice
from soc.memory.dram import Bank, Dram
from soc.registers import SystemRegister
from soc.system_registers import system_offset

BASE = PhysAddr(0x4000_0000)
SIZE = 4 << 20
PROLOGUE = PhysAddr(BASE + 0xF_0000)
VECTORS = PhysAddr(BASE + 0x10_0000)
"""Of exception level n at VECTORS + n * 0x1000; each of the sixteen waits for ever in WFI."""

WFI, HERE, ISB, ERET, NOP = 0xD503_207F, 0x1400_0000, 0xD503_3FDF, 0xD69F_03E0, 0xD503_201F
UNMASK_IRQ = 0xD503_42FF
END = (WFI, HERE)
XZR = 31
UNDEFINED = 0x0200_0000
"""ESR of an instruction that the core takes for UNDEFINED."""

CURRENT_EL = (3, 0, 4, 2, 2)
ELR = {1: (3, 0, 4, 0, 1), 2: (3, 4, 4, 0, 1), 3: (3, 6, 4, 0, 1)}
SPSR = {1: (3, 0, 4, 0, 0), 2: (3, 4, 4, 0, 0), 3: (3, 6, 4, 0, 0)}
VBAR = {1: (3, 0, 12, 0, 0), 2: (3, 4, 12, 0, 0), 3: (3, 6, 12, 0, 0)}
SCTLR = {1: (3, 0, 1, 0, 0), 2: (3, 4, 1, 0, 0), 3: (3, 6, 1, 0, 0)}
SCTLR_RESET, NO_WFI_TRAP = 0xC5_0838, 1 << 16
HCR_EL2, SCR_EL3 = (3, 4, 1, 1, 0), (3, 6, 1, 1, 0)
HCR_RW, HCR_IMO, SCR_LOWER = 1 << 31, 1 << 4, 1 << 10 | 1 << 8 | 1
"""SCR_EL3 of a core whose lower levels are non-secure AArch64 with HVC."""
PSTATE = {0: 0x3C0, 1: 0x3C5, 2: 0x3C9, 3: 0x3CD}
"""Interrupts masked, own stack pointer."""


def mrs(register: SystemRegister, target: int) -> int:
    """`mrs xN, register`"""
    return 0xD520_0000 | system_offset(*register) | target


def msr(register: SystemRegister, source: int) -> int:
    """`msr register, xN`, or the system instruction."""
    return 0xD500_0000 | system_offset(*register) | source


def add(register: int, number: int) -> int:
    """`add xN, xN, #number`"""
    return 0x9100_0000 | number << 10 | register << 5 | register


def skip(level: int) -> tuple[int, ...]:
    """A handler that goes on after the instruction that was at fault; spoils x28."""
    return mrs(ELR[level], 28), add(28, 4), msr(ELR[level], 28), ERET


def with_literals(settings: dict[SystemRegister, int]) -> list[int]:
    """Code that loads each register and returns from the exception; its constants follow it."""
    code: list[int] = []
    first = 2 * len(settings) + 2 & ~1
    for number, register in enumerate(settings):
        distance = first + 2 * number - len(code)
        code += [0x5800_0000 | distance << 5 | 30, msr(register, 30)]
    code += [ERET] * (first - len(code))
    return code + [half for value in settings.values() for half in (value & 0xFFFF_FFFF, value >> 32)]


class WordMachine:
    """DRAM and a core that starts at `level`; what is below it is non-secure AArch64."""

    def __init__(self, engine: Choice, level: int = 1, psci: Conduit | None = None, **options: Any) -> None:
        self.dram = Dram([Bank(BASE, SIZE)])
        self.clock = Clock()
        self.bus = Bus(self.dram)
        self.log: list[str] = []
        self.level = level
        self.cpu = Cpu(
            self.bus, self.clock, self.log.append, engine=engine, level=level, psci=psci, **options
        )
        for owned in range(1, 4):
            for vector in range(16):
                self.put(self.vector(owned, 0x80 * vector), *END)

    def close(self) -> None:
        self.dram.banks[0].close()

    @staticmethod
    def vector(level: int, offset: int) -> PhysAddr:
        return PhysAddr(VECTORS + 0x1000 * level + offset)

    @staticmethod
    def code(number: int) -> PhysAddr:
        """Where instruction `number` of the program is."""
        return PhysAddr(BASE + 4 * number)

    def put(self, address: PhysAddr, *words: int) -> None:
        self.dram.view(address, 4 * len(words)).view("<u4")[:] = words

    def reset(
        self,
        *words: int,
        at: int | None = None,
        sctlr: int = 0,
        hcr: int = 0,
        scr: int = 0,
        pstate: int = 0,
        controls: dict[SystemRegister, int] | None = None,
        **registers: int,
    ) -> None:
        """Ready to run `words` at exception level `at` (the core's own if None) with the registers named.

        A prologue gets it there, by way of x30. `sctlr`, `hcr` and `scr` are set in SCTLR_EL1, HCR_EL2 and
        SCR_EL3 beside what is needed, `pstate` is exclusive-ored to a PSTATE with interrupts masked,
        `controls` are other system registers to set.
        """
        level = self.level
        settings: dict[SystemRegister, int] = {SCTLR[1]: SCTLR_RESET | NO_WFI_TRAP | sctlr}
        settings |= controls or {}
        settings |= {VBAR[owned]: self.vector(owned, 0) for owned in range(1, level + 1)}
        if level == 3:
            settings[SCR_EL3] = SCR_LOWER | scr
        if level >= 2:
            settings[HCR_EL2] = HCR_RW | hcr
        settings |= {ELR[level]: BASE, SPSR[level]: PSTATE[level if at is None else at] ^ pstate}
        self.put(PROLOGUE, *with_literals(settings))
        self.put(BASE, *words)
        numbers = {int(name[1:]): value for name, value in registers.items()}
        self.cpu.reset(PROLOGUE, *(numbers.get(number, 0) for number in range(30)))

    def run(self, nanoseconds: int = 10_000) -> StopReason:
        return self.cpu.run(self.clock.now + nanoseconds)

    def run_machine(self, nanoseconds: int) -> None:
        """Let so much time pass, events of the clock included; the core may sleep."""
        end = self.clock.now + nanoseconds
        while self.clock.now < end:
            self.clock.run_due()
            event = self.clock.next_event()
            until = end if event is None else min(end, event)
            if self.cpu.run(until) is StopReason.WFI:
                self.clock.advance(min(self.clock.next_event() or end, end))
        self.clock.run_due()

    def execute(self, *words: int, **options: Any) -> tuple[Taken, ...]:
        """Run `words` to the end, with `options` as of `reset`; the exceptions they took."""
        self.reset(*words, *END, **options)
        assert self.run() is StopReason.WFI
        return self.cpu.exceptions

    def x(self, *numbers: int) -> list[int]:
        return [self.cpu.x(number) for number in numbers]

    def at_vector(self) -> tuple[int, int] | None:
        """(exception level, offset) of the vector the core waits at."""
        level, offset = divmod(self.cpu.pc - 4 - VECTORS, 0x1000)
        return (level, offset) if 1 <= level <= 3 and offset % 0x80 == 0 else None


Machines = Callable[..., WordMachine]
