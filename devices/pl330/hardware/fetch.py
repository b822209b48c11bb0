"""Instruction fetch: through the DMA port, a cache line at a time.

A line stays until the cache is full or flushed, so microcode that is changed
under a running thread is seen late, as on silicon.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.pl330.isa import Instruction, decode, length
from devices.pl330.regs import CACHE_LINE, CACHE_LINES

Reader = Callable[[int, int], bytes]
"""Bytes at an address, so many; raises DmaAbort."""


class InstructionCache:
    """The lines of one thread; `decoded` has what was executed of them, by address."""

    def __init__(self, read: Reader) -> None:
        self.decoded: dict[int, Instruction] = {}
        self._read = read
        self._lines: dict[int, bytes] = {}

    def fetch(self, pc: int) -> Instruction:
        """The instruction at `pc`. DmaAbort, UndefinedInstruction, InvalidOperand."""
        instruction = self.decoded.get(pc)
        if instruction is None:
            opcode = self._byte(pc)
            rest = range(1, length(opcode))
            instruction = decode(bytes([opcode, *(self._byte(pc + offset) for offset in rest)]))
            self.decoded[pc] = instruction
        return instruction

    def flush(self) -> None:
        self._lines.clear()
        self.decoded.clear()

    def _byte(self, address: int) -> int:
        address &= 0xFFFF_FFFF
        base = address & ~(CACHE_LINE - 1)
        line = self._lines.get(base)
        if line is None:
            line = self._read(base, CACHE_LINE)
            if len(self._lines) >= CACHE_LINES:
                del self._lines[next(iter(self._lines))]
                self.decoded.clear()
            self._lines[base] = line
        return line[address - base]
