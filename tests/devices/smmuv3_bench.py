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
from soc.iommu.port import DmaAbort, DmaPort, DmaStalled
from soc.irq import IrqLine
from soc.memory.dram import Bank, Dram

REGISTERS = 0x2B40_0000
RAM, RAM_SIZE = 0x8000_0000, 0x20_0000
STREAMS, CONTEXTS, COMMANDS, EVENTS, TABLES, DATA, S2_TABLES, MESSAGES = (
    RAM + n * 0x1_0000 for n in range(8)
)
NOWHERE = 0x1000_0000

CR0, CR0ACK, CR1, CR2, GBPA = 0x20, 0x24, 0x28, 0x2C, 0x44
IRQ_CTRL, IRQ_CTRLACK, GERROR, GERRORN = 0x50, 0x54, 0x60, 0x64
GERROR_IRQ_CFG0, GERROR_IRQ_CFG1, GERROR_IRQ_CFG2 = 0x68, 0x70, 0x74
EVENTQ_IRQ_CFG0, EVENTQ_IRQ_CFG1, EVENTQ_IRQ_CFG2 = 0xB0, 0xB8, 0xBC
STRTAB_BASE, STRTAB_BASE_CFG = 0x80, 0x88
CMDQ_BASE, CMDQ_PROD, CMDQ_CONS = 0x90, 0x98, 0x9C
EVENTQ_BASE, EVENTQ_PROD, EVENTQ_CONS = 0xA0, 0x100A8, 0x100AC

SMMUEN, EVENTQEN, CMDQEN = 1, 4, 8
RECINVSID = 1 << 1
CMDQ_ERR, EVENTQ_ABT, MSI_CMDQ_ABT, MSI_EVENTQ_ABT, MSI_GERROR_ABT = 1, 4, 1 << 4, 1 << 5, 1 << 7
STREAM = 5
PAGE = 1 << 0 | 1 << 1 | 1 << 6 | 1 << 10 | 1 << 11
READ_ONLY = 1 << 7
S2_PAGE = 1 << 0 | 1 << 1 | 0xF << 2 | 3 << 6 | 1 << 10
S2_WRITE = 1 << 7
READ, WRITE = 1 << 35, 0
PRIVILEGED, INSTRUCTION, STAGE2, STALL, TABLE_READ = 1 << 33, 1 << 34, 1 << 39, 1 << 31, 1 << 44
CLASS_CONTEXT, CLASS_TABLE, CLASS_INPUT = 0, 1 << 40, 2 << 40
SSV = 1 << 11

CFGI_STE, CFGI_ALL, CFGI_CD, CFGI_CD_ALL = 0x03, 0x04, 0x05, 0x06
TLBI_NH_ALL, TLBI_NH_ASID, TLBI_NH_VA, TLBI_NH_VAA, TLBI_NSNH_ALL, SYNC = 0x10, 0x11, 0x12, 0x13, 0x30, 0x46
RESUME, STALL_TERM = 0x44, 0x45
RETRY, ABORT = 1 << 12, 1 << 13

Event = tuple[int, int, int, int]


def context_descriptor(table: int = TABLES, asid: int = 1, t0sz: int = 25, flip: int = 0) -> list[int]:
    """AArch64, 4 KiB, 40 bits out, TTB1 off, faults recorded and aborted; `flip` toggles bits of word 0."""
    low = t0sz | 1 << 30 | 1 << 31 | 2 << 32 | 1 << 41 | 1 << 45 | 1 << 46 | asid << 48
    return [low ^ flip, table, 0, 0xFF]


def stage2_entry(
    config: int = 6, table: int = S2_TABLES, vmid: int = 0, context: int = 0, flip: int = 0
) -> list[int]:
    """Stage 2 of 39 bits from level 1, 4 KiB, 40 bits out, faults recorded; `flip` toggles bits of word 2."""
    control = vmid | 25 << 32 | 1 << 38 | 2 << 48 | 1 << 51 | 1 << 58
    return [1 | config << 1 | context, 0, control ^ flip, S2_TABLES]


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
        self._tables = {TABLES: TABLES, S2_TABLES: S2_TABLES}

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

    def reconfigure(self, *writes: tuple[int, int], size: int = 4) -> None:
        """Write registers that cannot be written while enables are set."""
        enables = self.get(CR0)
        self.set(CR0, 0)
        for offset, value in writes:
            self.cpu.write(PhysAddr(REGISTERS + offset), size, value)
        self.set(CR0, enables)

    def stream(self, *words: int, stream: int = STREAM) -> None:
        """Write the stream table entry itself."""
        self.put(STREAMS + 64 * stream, *(words + (0,) * (8 - len(words))))

    def stage1(self, context: list[int] | None = None, stream: int = STREAM) -> Bench:
        """`stream` translates by a context descriptor of its own."""
        at = CONTEXTS + 64 * stream
        self.put(at, *(context or context_descriptor()))
        self.stream(1 | 5 << 1 | at, stream=stream)
        return self

    def nested(self, context: list[int] | None = None, flip: int = 0, vmid: int = 0) -> Bench:
        """Both stages; stage 2 maps CONTEXTS and 16 pages of TABLES onto themselves."""
        at = CONTEXTS + 64 * STREAM
        self.put(at, *(context or context_descriptor()))
        self.stream(*stage2_entry(7, vmid=vmid, context=at, flip=flip))
        for page in (CONTEXTS, *(TABLES + 0x1000 * n for n in range(16))):
            self.map(page, page, S2_PAGE, root=S2_TABLES)
        return self

    def map(self, iova: int, output: int, attributes: int = PAGE, level: int = 3, root: int = TABLES) -> int:
        """Map one page or block in a 39-bit tree; returns the address of its descriptor."""
        table = root
        for step in range(1, level):
            at = table + 8 * (iova >> (39 - 9 * step) & 511)
            if not self.word(at):
                area = S2_TABLES if root >= S2_TABLES else TABLES
                self._tables[area] = max(self._tables[area], root) + 0x1000
                self.put(at, self._tables[area] | 3)
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

    def port(self, stream: int = STREAM) -> DmaPort:
        """An engine's way to memory behind the SMMU."""
        return DmaPort(self.cpu, stream, self.smmu)

    def access(
        self,
        iova: int,
        size: int = 4,
        write: bool = False,
        stream: int = STREAM,
        substream: int | None = None,
        privileged: bool = False,
    ) -> list[tuple[int, int]]:
        """Where a transaction goes: (physical address, bytes)."""
        span = self.smmu.translate(stream, Iova(iova), size, write, substream, privileged)
        return list(span.segments())

    def fault(
        self,
        iova: int,
        size: int = 4,
        write: bool = False,
        stream: int = STREAM,
        substream: int | None = None,
        privileged: bool = False,
    ) -> list[Event]:
        """The records of a transaction that must be aborted."""
        with pytest.raises(DmaAbort):
            self.access(iova, size, write, stream, substream, privileged)
        return self.events()

    def stall(self, iova: int, write: bool = False, stream: int = STREAM) -> tuple[DmaStalled, list[bool]]:
        """A transaction that must stall, and the answers its engine gets."""
        with pytest.raises(DmaStalled) as caught:
            self.access(iova, 4, write, stream)
        answers: list[bool] = []
        caught.value.wait(answers.append)
        return caught.value, answers
