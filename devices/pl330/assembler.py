"""Programs for the DMA-330: instructions in a row, loops with their jumps.

program = Program()
program.add(mov(Address.SAR, source), mov(Address.DAR, target), mov(Address.CCR, ccr))
with program.loop(0, 256):
    program.add(LOAD, STORE)
program.add(sev(0), END)
program.code
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from devices.pl330.isa import Address, Condition, Instruction, Op, encode

LOAD = Instruction(Op.LD)
STORE = Instruction(Op.ST)
STORE_ZEROS = Instruction(Op.STZ)
READ_BARRIER = Instruction(Op.RMB)
WRITE_BARRIER = Instruction(Op.WMB)
NOP = Instruction(Op.NOP)
KILL = Instruction(Op.KILL)
END = Instruction(Op.END)

LONGEST_JUMP = 255
MOST_ITERATIONS = 256


def mov(register: Address, value: int) -> Instruction:
    """DMAMOV: 32 bits into SAR, DAR or CCR."""
    return Instruction(Op.MOV, register, value)


def add_halfword(register: Address, value: int) -> Instruction:
    """DMAADDH or DMAADNH: -65536 .. 65535 to SAR or DAR."""
    return Instruction(Op.ADDH if value >= 0 else Op.ADNH, register, value & 0xFFFF)


def go(channel: int, address: int, non_secure: bool) -> Instruction:
    """DMAGO: `channel` starts at `address`."""
    return Instruction(Op.GO, channel, address, flag=non_secure)


def sev(event: int) -> Instruction:
    """DMASEV: raise an event or interrupt."""
    return Instruction(Op.SEV, event)


def wfe(event: int, invalidate: bool = False) -> Instruction:
    """DMAWFE: wait for an event, and drop cached instructions."""
    return Instruction(Op.WFE, event, flag=invalidate)


def wfp(peripheral: int, condition: Condition) -> Instruction:
    """DMAWFP: wait for a peripheral's request."""
    return Instruction(Op.WFP, peripheral, condition=condition)


def load_peripheral(peripheral: int, condition: Condition) -> Instruction:
    """DMALDP: load and acknowledge, if the request was of this kind."""
    return Instruction(Op.LDP, peripheral, condition=condition)


def store_peripheral(peripheral: int, condition: Condition) -> Instruction:
    """DMASTP: store and acknowledge, if the request was of this kind."""
    return Instruction(Op.STP, peripheral, condition=condition)


def flush_peripheral(peripheral: int) -> Instruction:
    """DMAFLUSHP: forget a peripheral's request and have it send it anew."""
    return Instruction(Op.FLUSHP, peripheral)


class Program:
    """Microcode under construction."""

    def __init__(self) -> None:
        self._code = bytearray()

    @property
    def code(self) -> bytes:
        return bytes(self._code)

    def add(self, *instructions: Instruction) -> None:
        """ValueError for an instruction that has no encoding."""
        for instruction in instructions:
            self._code += encode(instruction)

    @contextmanager
    def loop(self, counter: int, iterations: int, condition: Condition = Condition.ALWAYS) -> Iterator[None]:
        """The body 1 .. 256 times. ValueError if it is longer than a jump."""
        self.add(Instruction(Op.LP, counter, iterations))
        start = len(self._code)
        yield
        self._jump(Instruction(Op.LPEND, counter, len(self._code) - start, condition))

    @contextmanager
    def forever(self, condition: Condition = Condition.ALWAYS) -> Iterator[None]:
        """The body until the peripheral's last request (DMALPFE, which has no encoding of its own)."""
        start = len(self._code)
        yield
        self._jump(Instruction(Op.LPEND, 1, len(self._code) - start, condition, flag=True))

    def _jump(self, end: Instruction) -> None:
        if end.value > LONGEST_JUMP:
            raise ValueError(f"a loop of {end.value} bytes is longer than a jump of {LONGEST_JUMP}")
        self.add(end)
