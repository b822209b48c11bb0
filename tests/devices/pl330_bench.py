"""A DMA-330 alone on a bus with 1 MiB of DRAM, for the tests of its hardware."""

from __future__ import annotations

from typing import Any

import numpy as np

from devices.pl330.assembler import KILL, LOAD, STORE, Program, go, mov
from devices.pl330.hardware import Pl330
from devices.pl330.isa import Address, Instruction, encode
from devices.pl330.regs import State
from soc.address import PhysAddr
from soc.iommu.port import DmaPort
from tests.devices.engine_bench import BASE, DRAM, EngineBench

CODE = DRAM + 0xF_0000
"""Where `start` puts microcode, 4 KiB for each channel."""
SOURCE, TARGET = DRAM, DRAM + 0x4_0000
CYCLE = 5
MILLISECOND = 1_000_000

Part = Instruction | bytes
"""A piece of a program."""


def control(
    size: int = 8,
    beats: int = 16,
    *,
    source_inc: bool = True,
    target_inc: bool = True,
    to_size: int = 0,
    to_beats: int = 0,
    swap: int = 1,
    non_secure: bool = True,
) -> int:
    """A CCR value: bytes of a beat and beats of a burst, the same on both sides unless given."""
    source = int(source_inc) | (size.bit_length() - 1) << 1 | (beats - 1) << 4 | non_secure << 9
    to_size, to_beats = to_size or size, to_beats or beats
    target = int(target_inc) << 14 | (to_size.bit_length() - 1) << 15 | (to_beats - 1) << 18
    return source | target | non_secure << 23 | (swap.bit_length() - 1) << 28


def setup(source: int, target: int, ccr: int) -> tuple[Instruction, ...]:
    """DMAMOVs of SAR, DAR and CCR."""
    return mov(Address.SAR, source), mov(Address.DAR, target), mov(Address.CCR, ccr)


def copy_loop(bursts: int) -> bytes:
    """A loop of `bursts` loads and stores, nested when there are more than 256."""
    program = Program()
    outer, inner = divmod(bursts, 256)
    if outer:
        with program.loop(0, outer), program.loop(1, 256):
            program.add(LOAD, STORE)
    if inner:
        with program.loop(1, inner):
            program.add(LOAD, STORE)
    return program.code


class Pl330Bench(EngineBench):
    """Programs run on channels by number; where a channel can be None that is the manager."""

    engine: Pl330

    def __init__(self, kind: Any = Pl330, irqs: int = 1) -> None:
        super().__init__(kind, irqs)

    def behind(self, iommu: Any) -> None:
        """From here on every access of the DMAC goes through `iommu`."""
        port: DmaPort = self.engine._slot.dma
        port.iommu = iommu

    def debug(self, instruction: Part, channel: int | None = None) -> None:
        """Have a thread execute an instruction through DBGINST."""
        code = instruction if isinstance(instruction, bytes) else encode(instruction)
        code = code.ljust(6, b"\0")
        thread = 0 if channel is None else channel << 8 | 1
        self.write("DBGINST0", int.from_bytes(code[:2], "little") << 16 | thread)
        self.write("DBGINST1", int.from_bytes(code[2:], "little"))
        self.write("DBGCMD", 0)

    def load_program(self, *parts: Part, channel: int = 0) -> int:
        """Put a program into memory; its address."""
        code = b"".join(part if isinstance(part, bytes) else encode(part) for part in parts)
        self.fill(CODE + 0x1000 * channel, code)
        return CODE + 0x1000 * channel

    def start(self, *parts: Part, channel: int = 0, non_secure: bool = True) -> int:
        """Put a program into memory and start it; its address."""
        address = self.load_program(*parts, channel=channel)
        self.debug(go(channel, address, non_secure))
        return address

    def kill(self, channel: int | None = None) -> None:
        self.debug(KILL, channel)

    def state(self, channel: int | None = 0) -> State:
        return State((self.read("DSR") if channel is None else self.read(f"CSR{channel}")) & 15)

    def registers(self, channel: int = 0) -> tuple[int, int]:
        """SAR and DAR."""
        return self.read(f"SAR{channel}"), self.read(f"DAR{channel}")

    def fault(self, channel: int = 0) -> int:
        """FTR of a channel."""
        return self.cpu.read(PhysAddr(BASE + self.table.offset("FTR", channel)), 4)

    def settle(self) -> None:
        """Let a millisecond pass: more than any program of the tests takes that ends."""
        self.run(MILLISECOND)

    def randomise(self, address: int = SOURCE, size: int = 0x4_0000, seed: int = 1) -> np.ndarray:
        """Fill memory with noise; a copy of it."""
        data = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
        self.memory(address, size)[:] = data
        return data
