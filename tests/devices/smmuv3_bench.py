"""An SMMUv3 with some memory, driven as software drives it: registers and DRAM only.

Bit positions are written out from ARM IHI 0070 and shared with nothing in the
model, so that a wrong position in the model cannot hide here.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from devices.smmuv3.hardware import FaultReport, Smmuv3
from soc.address import Iova, PhysAddr
from soc.bus import Bus, Window
from soc.clock import Clock
from soc.device import Slot
from soc.devicetree.tree import Node
from soc.iommu.port import DmaAbort, DmaPort
from soc.irq import IrqLine
from soc.memory.dram import Bank, Dram

REGISTERS = 0x2B40_0000
RAM, RAM_SIZE = 0x8000_0000, 0x20_0000
STREAMS, CONTEXTS, COMMANDS, EVENTS, TABLES, DATA = (RAM + n * 0x1_0000 for n in range(6))
NOWHERE = 0x1000_0000

CR0, CR0ACK, CR2, GBPA = 0x20, 0x24, 0x2C, 0x44
IRQ_CTRL, IRQ_CTRLACK, GERROR, GERRORN = 0x50, 0x54, 0x60, 0x64
STRTAB_BASE, STRTAB_BASE_CFG = 0x80, 0x88
CMDQ_BASE, CMDQ_PROD, CMDQ_CONS = 0x90, 0x98, 0x9C
EVENTQ_BASE, EVENTQ_PROD, EVENTQ_CONS = 0xA0, 0x100A8, 0x100AC

SMMUEN, EVENTQEN, CMDQEN = 1, 4, 8
RECINVSID = 1 << 1
CMDQ_ERR, EVENTQ_ABT = 1, 4
STREAM = 5
PAGE = 1 << 0 | 1 << 1 | 1 << 6 | 1 << 10 | 1 << 11
READ_ONLY = 1 << 7
READ, WRITE = 1 << 35, 0
CLASS_TABLE, CLASS_INPUT = 1 << 40, 2 << 40

CFGI_STE, CFGI_ALL, CFGI_CD, CFGI_CD_ALL = 0x03, 0x04, 0x05, 0x06
TLBI_NH_ALL, TLBI_NH_ASID, TLBI_NH_VA, TLBI_NH_VAA, TLBI_NSNH_ALL, SYNC = 0x10, 0x11, 0x12, 0x13, 0x30, 0x46

Event = tuple[int, int, int, int]


def context_descriptor(table: int = TABLES, asid: int = 1, t0sz: int = 25, flip: int = 0) -> list[int]:
    """AArch64, 4 KiB, 40 bits out, TTB1 off, faults recorded and aborted; `flip` toggles bits of word 0."""
    low = t0sz | 1 << 30 | 1 << 31 | 2 << 32 | 1 << 41 | 1 << 45 | 1 << 46 | asid << 48
    return [low ^ flip, table, 0, 0xFF]


class Bench:
    """`irqs` counts rising edges by name. Stream tables and queues as `start` sets them up."""

    def __init__(self) -> None:
        self.dram = Dram([Bank(PhysAddr(RAM), RAM_SIZE)])
        bus = Bus(self.dram)
        names = ("eventq", "gerror", "cmdq-sync")
        self.irqs = dict.fromkeys(names, 0)
        lines = tuple(IrqLine(name, lambda level, name=name: self._edge(name, level)) for name in names)
        node = cast(Node, SimpleNamespace(name="iommu@2b400000", strings=lambda _: names))
        self.cpu, self.log = bus.master("cpu"), list[str]()
        master = bus.master("iommu@2b400000")
        self.smmu = Smmuv3(Slot(node, Clock(), bus, lines, master, DmaPort(master), self.log.append))
        self.reports: list[FaultReport] = []
        self.smmu.fault_listeners.append(self.reports.append)
        bus.attach(Window(PhysAddr(REGISTERS), 0x20000, self.smmu.targets[0], node.name))
        self._tables = TABLES

    def _edge(self, name: str, level: bool) -> None:
        self.irqs[name] += level

    # --- registers and memory ----------------------------------------------

    def get(self, offset: int) -> int:
        return self.cpu.read(PhysAddr(REGISTERS + offset), 4)

    def set(self, offset: int, value: int) -> None:
        self.cpu.write(PhysAddr(REGISTERS + offset), 4, value)

    def set64(self, offset: int, value: int) -> None:
        self.cpu.write(PhysAddr(REGISTERS + offset), 8, value)

    def put(self, address: int, *words: int) -> None:
        for at, word in enumerate(words):
            self.dram.words(PhysAddr(address + 8 * at), 1)[0] = word

    def word(self, address: int) -> int:
        return int(self.dram.words(PhysAddr(address), 1)[0])

    # --- bring-up ----------------------------------------------------------

    def start(self, events_log2: int = 4, commands_log2: int = 4, streams_log2: int = 4) -> Bench:
        """Queues, stream table, interrupts, translation."""
        self.set64(STRTAB_BASE, STREAMS)
        self.set(STRTAB_BASE_CFG, streams_log2)
        self.set64(CMDQ_BASE, COMMANDS | commands_log2)
        self.set64(EVENTQ_BASE, EVENTS | events_log2)
        self.events_log2, self.commands_log2 = events_log2, commands_log2
        self.set(CR2, RECINVSID)
        self.set(IRQ_CTRL, 1 | 4)
        self.set(CR0, SMMUEN | EVENTQEN | CMDQEN)
        return self

    def stream(self, *words: int, stream: int = STREAM) -> None:
        """Write the stream table entry itself."""
        self.put(STREAMS + 64 * stream, *(words + (0,) * (8 - len(words))))

    def stage1(self, context: list[int] | None = None, stream: int = STREAM) -> Bench:
        """`stream` translates by a context descriptor of its own."""
        at = CONTEXTS + 64 * stream
        self.put(at, *(context or context_descriptor()))
        self.stream(1 | 5 << 1 | at, stream=stream)
        return self

    def map(self, iova: int, output: int, attributes: int = PAGE, level: int = 3, root: int = TABLES) -> int:
        """Map one page or block in a 39-bit tree; returns the address of its descriptor."""
        self._tables = max(self._tables, root)
        table = root
        for step in range(1, level):
            at = table + 8 * (iova >> (39 - 9 * step) & 511)
            if not self.word(at):
                self._tables += 0x1000
                self.put(at, self._tables | 3)
            table = self.word(at) & ~0xFFF
        at = table + 8 * (iova >> (39 - 9 * level) & 511)
        self.put(at, output | attributes)
        return at

    # --- commands and events -----------------------------------------------

    def queue(self, low: int, high: int = 0) -> None:
        """Put one command at CMDQ_PROD and move it."""
        prod = self.get(CMDQ_PROD)
        self.put(COMMANDS + 16 * (prod & ((1 << self.commands_log2) - 1)), low, high)
        self.set(CMDQ_PROD, (prod + 1) & ((2 << self.commands_log2) - 1))

    def command(self, opcode: int, high: int = 0, asid: int = 0, stream: int = 0) -> None:
        """A command that must succeed."""
        self.queue(opcode | asid << 48 | stream << 32, high)
        assert self.get(CMDQ_CONS) == self.get(CMDQ_PROD)

    def events(self) -> list[Event]:
        """Take every record off the queue, as a driver does."""
        out: list[Event] = []
        mask = (2 << self.events_log2) - 1
        prod, cons = self.get(EVENTQ_PROD), self.get(EVENTQ_CONS)
        while (prod ^ cons) & mask:
            at = EVENTS + 32 * (cons & (mask >> 1))
            out.append((self.word(at), self.word(at + 8), self.word(at + 16), self.word(at + 24)))
            cons = (cons & 1 << 31) | (cons + 1) & mask
        self.set(EVENTQ_CONS, cons)
        return out

    # --- transactions ------------------------------------------------------

    def access(
        self, iova: int, size: int = 4, write: bool = False, stream: int = STREAM
    ) -> list[tuple[int, int]]:
        """Where a transaction goes: (physical address, bytes)."""
        return list(self.smmu.translate(stream, Iova(iova), size, write).segments())

    def fault(self, iova: int, size: int = 4, write: bool = False, stream: int = STREAM) -> list[Event]:
        """The records of a transaction that must be aborted."""
        with pytest.raises(DmaAbort):
            self.access(iova, size, write, stream)
        return self.events()
