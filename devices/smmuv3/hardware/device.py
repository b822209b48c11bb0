"""SMMUv3 as a device: registers, and what becomes of a transaction.

Source: ARM IHI 0070. Translation itself is in `translation`, the queues in
`commands` and `events`, transactions that wait for software in `stalls`.
An event is written before the faulting transfer returns. Enables take effect
at once, so CR0ACK and IRQ_CTRLACK always follow.

Not modelled: secure and realm state, EL2 contexts, PRI, ATS, ATOS, MPAM, ECMDQ,
memory types and shareability (they pass through), and prefetches (a command
that asks for one is consumed without effect).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from devices.smmuv3.hardware.commands import CommandQueue
from devices.smmuv3.hardware.events import EventQueue
from devices.smmuv3.hardware.fault import StreamFault
from devices.smmuv3.hardware.interrupts import Interrupts
from devices.smmuv3.hardware.stalls import Answer, StallBuffer
from devices.smmuv3.hardware.translation import StreamTableConfig, Translation
from devices.smmuv3.identification import FEATURES, SID_BITS, STALL_MAX
from devices.smmuv3.regs import (
    CMDQEN,
    EVENTQ_IRQEN,
    EVENTQEN,
    GBPA_ABORT,
    GBPA_UPDATE,
    GERROR_IRQEN,
    RECINVSID,
    SMMUEN,
    TABLE,
)
from devices.smmuv3.spec import Command, EventId, EventRecord, Opcode
from soc.address import Iova, PhysAddr
from soc.bus import Target
from soc.device import Slot
from soc.iommu.port import DmaAbort, DmaDiscarded, DmaStalled
from soc.memory.rows import Rows
from soc.memory.span import PageSpan
from soc.registers import RegisterFile, RegisterTable

SPLITS = (6, 8, 10)
"""Legal values of STRTAB_BASE_CFG.SPLIT; others count as the first."""

_MSI = ("IRQ_CFG0", "IRQ_CFG1", "IRQ_CFG2")

GUARDS: dict[str, tuple[str, int]] = {
    **dict.fromkeys(("CR2", "STRTAB_BASE", "STRTAB_BASE_CFG"), ("CR0", SMMUEN)),
    **dict.fromkeys(("CMDQ_BASE", "CMDQ_CONS"), ("CR0", CMDQEN)),
    **dict.fromkeys(("EVENTQ_BASE", "EVENTQ_PROD"), ("CR0", EVENTQEN)),
    **{f"GERROR_{name}": ("IRQ_CTRL", GERROR_IRQEN) for name in _MSI},
    **{f"EVENTQ_{name}": ("IRQ_CTRL", EVENTQ_IRQEN) for name in _MSI},
}
"""Registers that software must leave alone while an enable is set: it cannot write them then."""

QUEUE_ATTRIBUTES = TABLE.mask("CR1", "QUEUE_IC", "QUEUE_OC", "QUEUE_SH")
TABLE_ATTRIBUTES = TABLE.mask("CR1", "TABLE_IC", "TABLE_OC", "TABLE_SH")


@dataclass(frozen=True)
class FaultReport:
    """A fault as a debugger on the SMMU sees it, recorded or not. `time` in ns."""

    time: int
    record: EventRecord


class Smmuv3:
    """The `Translator` of every DMA port whose node names it in `iommus`.

    `fault_listeners` hear of every fault, `wake_listeners` of wake-up events to
    a CPU in WFE.
    """

    compatible: ClassVar[tuple[str, ...]] = ("arm,smmu-v3",)
    tables: ClassVar[tuple[RegisterTable, ...]] = (TABLE,)
    dma: ClassVar[bool] = False

    def __init__(self, slot: Slot) -> None:
        self._clock = slot.clock
        self.regs = RegisterFile(TABLE, slot.log)
        self.targets: tuple[Target, ...] = (self.regs,)
        self.fault_listeners: list[Callable[[FaultReport], None]] = []
        self._translation = Translation(slot.master, FEATURES)
        self._stream_table = StreamTableConfig(PhysAddr(0), 0)
        self._interrupts = Interrupts(self.regs, slot)
        self._events = EventQueue(self.regs, slot.master, self._interrupts)
        self._stalls = StallBuffer(STALL_MAX)
        self._commands = CommandQueue(self.regs, slot.master, self._interrupts, self._execute)
        self.wake_listeners = self._commands.wake_listeners
        for name, (register, bit) in GUARDS.items():
            self.regs.on_write(name, partial(self._write_guarded, name, register, bit))
        self.regs.on_write("CR0", self._write_cr0)
        self.regs.on_write("CR1", self._write_cr1)
        self.regs.on_write("IRQ_CTRL", self._write_irq_ctrl)
        self.regs.on_write("GERRORN", self._write_gerrorn)
        self.regs.on_write("GBPA", self._write_gbpa)
        self.regs.on_write("CMDQ_PROD", self._write_cmdq_prod)
        self.regs.on_write("EVENTQ_CONS", self._write_eventq_cons)

    # --- as a Translator ---------------------------------------------------

    def translate(
        self,
        stream: int,
        iova: Iova,
        size: int,
        write: bool,
        substream: int | None = None,
        privileged: bool = False,
        rows: Rows | None = None,
    ) -> PageSpan:
        if not self.regs.get("CR0") & SMMUEN:
            return self._bypass(stream, iova, size, write)
        try:
            return self._translation.translate(
                self._stream_table, stream, iova, size, write, substream, privileged, rows
            )
        except StreamFault as fault:
            raise self._refuse(fault) from fault

    def peek(self, stream: int, iova: Iova, size: int, substream: int | None = None) -> PageSpan | None:
        if not self.regs.get("CR0") & SMMUEN:
            return PageSpan.linear(PhysAddr(iova), size)
        return self._translation.peek(self._stream_table, stream, iova, size, substream)

    def _bypass(self, stream: int, iova: Iova, size: int, write: bool) -> PageSpan:
        """While translation is off. Aborts here are never recorded (3.4, 6.3.9.6)."""
        who = (f"stream {stream:#x}", iova, "write" if write else "read")
        if self.regs.get("GBPA") & GBPA_ABORT:
            raise DmaAbort(*who, "the SMMU is off and GBPA.ABORT is set")
        if (iova + max(size, 1) - 1) >> FEATURES.oas:
            raise DmaAbort(*who, f"the SMMU is off and the address is beyond {FEATURES.oas} bits")
        return PageSpan.linear(PhysAddr(iova), size)

    # --- faults --------------------------------------------------------------

    def _refuse(self, fault: StreamFault) -> DmaAbort:
        """Record a fault as configured; returns what the transaction ends with for now."""
        report = fault.report
        access = "write" if report.write else "read"
        who = (f"stream {report.stream:#x}", report.iova, access, report.event.name)
        if fault.stall:
            stalled = DmaStalled(*who)
            self._stalls.hold(report.stream, stalled, partial(self._record_stall, report))
            self._tell(replace(report, stall=True))
            return stalled
        if fault.record and (report.event != EventId.C_BAD_STREAMID or self.regs.get("CR2") & RECINVSID):
            self._events.record(report)
        self._tell(report)
        return DmaDiscarded(*who) if fault.discard else DmaAbort(*who)

    def _record_stall(self, report: EventRecord, tag: int) -> bool:
        """Write the event of a stall: it is never lost, so a queue without room has it wait."""
        return self._events.writable and self._events.record(replace(report, stall=True, stag=tag))

    def _tell(self, record: EventRecord) -> None:
        for listener in self.fault_listeners:
            listener(FaultReport(self._clock.now, record))

    def _retry_waiting(self) -> None:
        self._stalls.retry_waiting(lambda: self._events.writable)

    # --- commands ------------------------------------------------------------

    def _execute(self, command: Command) -> None:
        """Carry out a legal command other than CMD_SYNC."""
        match command.opcode:
            case Opcode.PREFETCH_CONFIG | Opcode.PREFETCH_ADDR:
                pass
            case Opcode.CFGI_STE | Opcode.CFGI_STE_RANGE | Opcode.CFGI_CD | Opcode.CFGI_CD_ALL:
                self._translation.invalidate_config(command)
            case Opcode.RESUME:
                end = Answer.ABORT if command.abort else Answer.DISCARD
                answer = Answer.RETRY if command.retry else end
                self._stalls.resume(command.stream, command.stag, answer)
                self._retry_waiting()
            case Opcode.STALL_TERM:
                self._stalls.terminate(command.stream)
                self._retry_waiting()
            case _:
                self._translation.tlbi(command)

    # --- registers -----------------------------------------------------------

    def _write_guarded(self, name: str, register: str, enable: int, value: int) -> None:
        if self.regs.get(register) & enable:
            return
        self.regs.set(name, value & TABLE[name].writable)
        if name.startswith("STRTAB"):
            self._stream_table = self._parse_strtab()

    def _parse_strtab(self) -> StreamTableConfig:
        """The stream table; its base is aligned to the size of its first level (6.3.24)."""
        log2 = self.regs.field("STRTAB_BASE_CFG", "LOG2SIZE")
        split = self.regs.field("STRTAB_BASE_CFG", "SPLIT")
        split = split if split in SPLITS else SPLITS[0]
        two_level = self.regs.field("STRTAB_BASE_CFG", "FMT") == 1
        size = 1 << max(6, log2 - split + 3) if two_level else 64 << log2
        base = self.regs.get("STRTAB_BASE") & ((1 << FEATURES.oas) - 1) & ~(size - 1)
        return StreamTableConfig(PhysAddr(base), min(log2, SID_BITS), split, two_level)

    def _write_cr0(self, value: int) -> None:
        value &= TABLE["CR0"].writable
        changed = value ^ self.regs.get("CR0")
        self.regs.set("CR0", value)
        self.regs.set("CR0ACK", value)
        if changed & SMMUEN:
            self._translation.invalidate_spans()
            if not value & SMMUEN:
                self._stalls.terminate()
        self._commands.run()
        self._retry_waiting()

    def _write_cr1(self, value: int) -> None:
        """Attributes of queue accesses are fixed while a queue is on, of table accesses while SMMUEN is."""
        enables = self.regs.get("CR0")
        mask = 0 if enables & (EVENTQEN | CMDQEN) else QUEUE_ATTRIBUTES
        mask |= 0 if enables & SMMUEN else TABLE_ATTRIBUTES
        self.regs.set("CR1", (self.regs.get("CR1") & ~mask) | (value & mask))

    def _write_irq_ctrl(self, value: int) -> None:
        value &= TABLE["IRQ_CTRL"].writable
        self.regs.set("IRQ_CTRL", value)
        self.regs.set("IRQ_CTRLACK", value)

    def _write_gbpa(self, value: int) -> None:
        if value & GBPA_UPDATE:
            self.regs.set("GBPA", value & TABLE["GBPA"].writable)

    def _write_gerrorn(self, value: int) -> None:
        self._interrupts.acknowledge(value)
        self._commands.run()
        self._retry_waiting()

    def _write_cmdq_prod(self, value: int) -> None:
        self.regs.set("CMDQ_PROD", value & TABLE["CMDQ_PROD"].writable)
        self._commands.run()

    def _write_eventq_cons(self, value: int) -> None:
        self.regs.set("EVENTQ_CONS", value & TABLE["EVENTQ_CONS"].writable)
        self._retry_waiting()
