"""The event queue from the driver's side: records in the words of Linux, stalls answered.

Source: arm_smmu_evtq_thread and arm_smmu_dump_event of
drivers/iommu/arm/arm-smmu-v3 (the decoded lines since Linux 6.14); ARM IHI 0070,
3.5.4 (overflow), 4.6 (CMD_RESUME), 7.3.

Not modelled: rate limits of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from errno import ENOSYS
from typing import Protocol

from devices.smmuv3.driver.queue import Encoded, Words, encode
from devices.smmuv3.regs import OVERFLOW
from devices.smmuv3.spec import (
    EVENT_WORDS,
    TRANSLATION_FAULTS,
    Command,
    EventRecord,
    FaultClass,
    Opcode,
)
from devices.smmuv3.spec.queues import QueueShape
from soc.kernel.iommu.domain import IommuDomain, IommuFault
from soc.kernel.registers import Registers

CLASS_TEXT = {
    FaultClass.CD: "CD fetch",
    FaultClass.TTD: "Stage 1 translation table fetch",
    FaultClass.IN: "Input address caused fault",
}


class Books(Protocol):
    """What the driver knows about streams."""

    def domain_of(self, stream: int, substream: int) -> IommuDomain | None: ...

    def devices_of(self, stream: int) -> Sequence[str]: ...


class EventQueue:
    """`ring` holds the queue's words. `records` are those that could be decoded, oldest first."""

    def __init__(
        self,
        regs: Registers,
        shape: QueueShape,
        ring: Words,
        books: Books,
        issue: Callable[[list[Encoded]], None],
        log: Callable[[str], None],
    ) -> None:
        self._regs = regs
        self._shape = shape
        self._ring = ring.reshape(-1, EVENT_WORDS)
        self._books = books
        self._issue = issue
        self._log = log
        self.records: list[EventRecord] = []

    def reset(self) -> None:
        """Empty, as the SMMU is told while it does not write the queue."""
        self._regs.write("EVENTQ_BASE", self._shape.base, LOG2SIZE=self._shape.log2, WA=1)
        self._regs.write("EVENTQ_PROD", 0)
        self._regs.write("EVENTQ_CONS", 0)

    def interrupt(self) -> None:
        """Drain the queue; the SMMU may add records meanwhile."""
        cons = self._regs.read("EVENTQ_CONS")
        prod = self._regs.read("EVENTQ_PROD")
        while not self._shape.empty(prod, cons):
            self.handle(self._ring[cons & (len(self._ring) - 1)].tolist())
            cons = self._shape.next(cons) | (cons & OVERFLOW)
            self._regs.write("EVENTQ_CONS", cons)
            prod = self._regs.read("EVENTQ_PROD")
        if (prod ^ cons) & OVERFLOW:
            self._log("EVTQ overflow detected -- events lost")
            self._regs.write("EVENTQ_CONS", cons ^ OVERFLOW)

    def handle(self, words: list[int]) -> None:
        """Ask the domain's fault handler, answer a stalled access, log what nobody mended."""
        try:
            record = EventRecord.parse(words)
        except ValueError:
            self._dump(raw_lines(words))
            return
        self.records.append(record)
        answer = -ENOSYS
        domain = self._books.domain_of(record.stream, record.substream or 0)
        if domain is not None and record.has_address:
            answer = domain.report_fault(fault_of(record))
        if record.stall:
            again = answer == 0
            resume = Command(
                Opcode.RESUME, stream=record.stream, stag=record.stag, retry=again, abort=not again
            )
            self._issue([encode(resume)])
        if answer != 0:
            self._dump(raw_lines(words))
            self._dump(decoded_lines(record, self._books.devices_of(record.stream)))
            self._dump([self._summary(record)])

    def _summary(self, record: EventRecord) -> str:
        """What Linux does not say: who had the address last."""
        told = f"{record.event.name}: stream {record.stream:#x}"
        if not record.has_address:
            return told
        access = "write" if record.write else "read"
        domain = self._books.domain_of(record.stream, record.substream or 0)
        owner = domain.history.last_owner(record.iova) if domain else "the stream has no domain"
        return f"{told} {access} at iova {record.iova:#x}; last owner: {owner}"

    def _dump(self, lines: list[str]) -> None:
        for line in lines:
            self._log(line)


def raw_lines(words: Sequence[int]) -> list[str]:
    """The dump of any record, known or not."""
    return [f"event 0x{words[0] & 0xFF:02x} received:", *(f"\t0x{word:016x}" for word in words)]


def decoded_lines(record: EventRecord, devices: Sequence[str]) -> list[str]:
    """What the record says; `devices` issue its stream."""
    client = ", ".join(devices) or "(unassigned sid)"
    ids = f"sid: {record.stream:#x} ssid: {record.substream or 0:#x}"
    head = f"event: {record.event.name} client: {client} {ids}"
    if record.event in TRANSLATION_FAULTS:
        return [f"{head} iova: {record.iova:#x} ipa: {record.ipa:#x}", _access(record)]
    return [f"{head} fetch_addr: {record.fetch:#x}" if record.has_fetch else head]


def fault_of(record: EventRecord) -> IommuFault:
    """The record as the core sees it."""
    return IommuFault(record.stream, record.iova, record.write, record.stall, record.substream)


def _access(record: EventRecord) -> str:
    table = ""
    if record.kind is FaultClass.TTD:
        table = " ttd_read" if record.table_read else " ttd_write"
    return (
        f"{'priv' if record.privileged else 'unpriv'} {'inst' if record.instruction else 'data'} "
        f"{'write' if record.write else 'read'} {'s2' if record.stage2 else 's1'} "
        f'"{CLASS_TEXT[record.kind]}"{table}{" stall" if record.stall else ""} stag: {record.stag:#x}'
    )
