"""SMMUv3 as a device: registers, command queue, event queue, interrupts.

Source: ARM IHI 0070. A command is carried out as soon as software moves
CMDQ_PROD; an event is written before the faulting transfer returns.

Not modelled: two-level stream tables, stage 2, substreams, TTB1, 16 and 64 KiB
granules, stalls, PRI, ATS, MSIs, secure state, HTTU, ECMDQ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from devices.smmuv3.queues import QueueShape
from devices.smmuv3.regs import (
    CMDQ_ERR,
    CMDQ_LOG2,
    CMDQEN,
    EVENTQ_ABT_ERR,
    EVENTQ_IRQEN,
    EVENTQ_LOG2,
    EVENTQEN,
    GBPA_ABORT,
    GBPA_UPDATE,
    GERROR_IRQEN,
    OVERFLOW,
    RECINVSID,
    SID_BITS,
    SMMUEN,
    TABLE,
)
from devices.smmuv3.spec import (
    SYNC_SIGNAL_IRQ,
    Command,
    CommandError,
    EventId,
    EventRecord,
    Opcode,
)
from devices.smmuv3.translation import StreamFault, StreamTable, Translation
from soc.address import PAGE_SHIFT, Iova, PhysAddr
from soc.bus import BusError, Target
from soc.device import Slot
from soc.iommu.port import DmaAbort
from soc.memory.dram import PageSpan
from soc.registers import RegisterFile, RegisterTable


@dataclass(frozen=True)
class FaultReport:
    """A fault as a debugger on the SMMU sees it, recorded or not. `time` in ns."""

    time: int
    record: EventRecord


class Smmuv3:
    """The `Translator` of every DMA port whose node names it in `iommus`."""

    compatible: ClassVar[tuple[str, ...]] = ("arm,smmu-v3",)
    tables: ClassVar[tuple[RegisterTable, ...]] = (TABLE,)

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._eventq_irq = slot.irq("eventq")
        self._gerror_irq = slot.irq("gerror")
        self._sync_irq = slot.irq("cmdq-sync")
        self.regs = RegisterFile(TABLE, slot.log)
        self.targets: tuple[Target, ...] = (self.regs,)
        self.fault_listeners: list[Callable[[FaultReport], None]] = []
        self._translation = Translation(slot.master)
        self._stream_table = StreamTable(PhysAddr(0), 0)
        self.regs.on_write("STRTAB_BASE", partial(self._write_strtab, "STRTAB_BASE"))
        self.regs.on_write("STRTAB_BASE_CFG", partial(self._write_strtab, "STRTAB_BASE_CFG"))
        self.regs.on_write("CR0", self._write_cr0)
        self.regs.on_write("IRQ_CTRL", self._write_irq_ctrl)
        self.regs.on_write("GERRORN", self._write_gerrorn)
        self.regs.on_write("GBPA", self._write_gbpa)
        self.regs.on_write("CMDQ_PROD", self._write_cmdq_prod)

    # --- as a Translator ---------------------------------------------------

    def translate(self, stream: int, iova: Iova, size: int, write: bool) -> PageSpan:
        if not self.regs.get("CR0") & SMMUEN:
            if self.regs.get("GBPA") & GBPA_ABORT:
                raise self._abort(stream, iova, write, "the SMMU is off and GBPA.ABORT is set")
            return PageSpan.linear(PhysAddr(iova), size)
        try:
            return self._translation.translate(self._stream_table, stream, iova, size, write)
        except StreamFault as fault:
            self._report(
                EventRecord(fault.event, stream, fault.iova, write, fault.fetch), self._recorded(fault)
            )
            raise self._abort(stream, fault.iova, write, fault.event.name) from fault

    def peek(self, stream: int, iova: Iova, size: int) -> PageSpan | None:
        if not self.regs.get("CR0") & SMMUEN:
            return PageSpan.linear(PhysAddr(iova), size)
        return self._translation.peek(self._stream_table, stream, iova, size)

    def _abort(self, stream: int, iova: Iova, write: bool, reason: str) -> DmaAbort:
        return DmaAbort(f"stream {stream:#x}", iova, "write" if write else "read", reason)

    def _write_strtab(self, name: str, value: int) -> None:
        self.regs.set(name, value)
        log2 = min(self.regs.field("STRTAB_BASE_CFG", "LOG2SIZE"), SID_BITS)
        base = self.regs.get("STRTAB_BASE") & 0x000F_FFFF_FFFF_FFC0
        self._stream_table = StreamTable(PhysAddr(base & ~((64 << log2) - 1)), log2)

    # --- events ------------------------------------------------------------

    def _recorded(self, fault: StreamFault) -> bool:
        """Whether software wants a record and the queue can take one (IHI 0070, 7.2.1)."""
        if fault.event is EventId.C_BAD_STREAMID and not self.regs.get("CR2") & RECINVSID:
            return False
        return fault.record and bool(self.regs.get("CR0") & EVENTQEN) and not self._active(EVENTQ_ABT_ERR)

    def _report(self, record: EventRecord, recorded: bool) -> None:
        report = FaultReport(self._slot.clock.now, record)
        if recorded:
            self._write_event(record)
        for listener in self.fault_listeners:
            listener(report)

    def _write_event(self, record: EventRecord) -> None:
        queue = QueueShape.parse(self.regs.get("EVENTQ_BASE"), 32, EVENTQ_LOG2)
        prod, cons = self.regs.get("EVENTQ_PROD"), self.regs.get("EVENTQ_CONS")
        if queue.full(prod, cons):
            if not (prod ^ cons) & OVERFLOW:
                self.regs.set("EVENTQ_PROD", prod ^ OVERFLOW)
            return
        data = np.array(record.build(), dtype="<u8").view(np.uint8)
        try:
            self._slot.master.write_span(PageSpan.linear(queue.address(prod), 32), data)
        except BusError:
            self._raise_gerror(EVENTQ_ABT_ERR)
            return
        self.regs.set("EVENTQ_PROD", (prod & OVERFLOW) | queue.next(prod))
        if queue.empty(prod, cons) and self.regs.get("IRQ_CTRL") & EVENTQ_IRQEN:
            self._eventq_irq.pulse()

    # --- commands ----------------------------------------------------------

    def _write_cmdq_prod(self, value: int) -> None:
        self.regs.set("CMDQ_PROD", value & 0xF_FFFF)
        self._run_commands()

    def _run_commands(self) -> None:
        queue = QueueShape.parse(self.regs.get("CMDQ_BASE"), 16, CMDQ_LOG2)
        for _ in range(2 << queue.log2):
            cons = self.regs.get("CMDQ_CONS") & queue.index_mask
            enabled = self.regs.get("CR0") & CMDQEN and not self._active(CMDQ_ERR)
            if not enabled or queue.empty(self.regs.get("CMDQ_PROD"), cons):
                return
            error = self._run_command(queue.address(cons))
            if error:
                self.regs.set("CMDQ_CONS", cons | error << 24)
                self._raise_gerror(CMDQ_ERR)
                return
            self.regs.set("CMDQ_CONS", queue.next(cons))

    def _run_command(self, address: PhysAddr) -> CommandError:
        try:
            words = self._slot.master.read_span(PageSpan.linear(address, 16)).view("<u8").tolist()
        except BusError:
            return CommandError.ABORT
        command = Command.parse(words)
        if command.secure and command.opcode <= Opcode.CFGI_CD_ALL:
            return CommandError.ILLEGAL
        match command.opcode:
            case Opcode.CFGI_STE | Opcode.CFGI_CD | Opcode.CFGI_CD_ALL:
                self._translation.invalidate_config(command.stream)
            case Opcode.CFGI_ALL:
                self._translation.invalidate_config()
            case Opcode.TLBI_NH_ALL | Opcode.TLBI_NSNH_ALL:
                self._translation.iotlb.invalidate_all()
            case Opcode.TLBI_NH_ASID:
                self._translation.iotlb.invalidate_asid(command.asid)
            case Opcode.TLBI_NH_VA:
                self._translation.iotlb.invalidate_page(command.asid, command.address >> PAGE_SHIFT)
            case Opcode.TLBI_NH_VAA:
                self._translation.iotlb.invalidate_page(None, command.address >> PAGE_SHIFT)
            case Opcode.SYNC:
                if command.signal == SYNC_SIGNAL_IRQ:
                    self._sync_irq.pulse()
            case Opcode.PREFETCH_CONFIG | Opcode.PREFETCH_ADDR:
                pass
            case _:
                return CommandError.ILLEGAL
        self._translation.invalidate_spans()
        return CommandError.NONE

    # --- control -----------------------------------------------------------

    def _write_cr0(self, value: int) -> None:
        value &= TABLE["CR0"].writable
        if (value ^ self.regs.get("CR0")) & SMMUEN:
            self._translation.invalidate_spans()
        self.regs.set("CR0", value)
        self.regs.set("CR0ACK", value)
        self._run_commands()

    def _write_irq_ctrl(self, value: int) -> None:
        value &= TABLE["IRQ_CTRL"].writable
        self.regs.set("IRQ_CTRL", value)
        self.regs.set("IRQ_CTRLACK", value)

    def _write_gbpa(self, value: int) -> None:
        if value & GBPA_UPDATE:
            self.regs.set("GBPA", value & ~GBPA_UPDATE)

    def _write_gerrorn(self, value: int) -> None:
        self.regs.set("GERRORN", value & 0xFFFF_FFFF)
        self._run_commands()

    def _active(self, bit: int) -> bool:
        """Whether a global error is raised and not acknowledged."""
        return bool((self.regs.get("GERROR") ^ self.regs.get("GERRORN")) & bit)

    def _raise_gerror(self, bit: int) -> None:
        """Toggle an error active, unless it is active already."""
        if self._active(bit):
            return
        self.regs.set("GERROR", self.regs.get("GERROR") ^ bit)
        if self.regs.get("IRQ_CTRL") & GERROR_IRQEN:
            self._gerror_irq.pulse()
