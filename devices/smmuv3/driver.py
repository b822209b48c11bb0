"""The SMMUv3 driver: tables and queues in kernel memory, one domain per group.

Brings the device up in the order Linux does (drivers/iommu/arm/arm-smmu-v3):
queues, stream table, invalidate everything, interrupts, enable. Streams
without a domain have invalid entries, so their traffic faults.
"""

from __future__ import annotations

from errno import EINVAL, ENODEV, ETIMEDOUT
from typing import ClassVar

import numpy as np

from devices.smmuv3.queues import QueueShape
from devices.smmuv3.regs import (
    CMDQ_LOG2,
    CMDQEN,
    EVENTQ_IRQEN,
    EVENTQ_LOG2,
    EVENTQEN,
    GERROR_IRQEN,
    OVERFLOW,
    RECINVSID,
    S1P,
    SID_BITS,
    SMMUEN,
    TABLE,
)
from devices.smmuv3.spec import (
    CD_WORDS,
    COMMAND_WORDS,
    EVENT_WORDS,
    STE_WORDS,
    Command,
    ContextDescriptor,
    EventRecord,
    Opcode,
    StreamTableEntry,
)
from soc.address import PAGE_SHIFT, PAGE_SIZE, Iova, PhysAddr
from soc.kernel.device import Device, Driver
from soc.kernel.errors import KernelError
from soc.kernel.iommu import CACHEABLE_INDEX, IommuDomain
from soc.kernel.registers import Registers

WRITE_BACK = 0xFF
VA_INVALIDATION_LIMIT = 16
T0SZ = 64 - 39
INTERRUPTS = GERROR_IRQEN | EVENTQ_IRQEN


class Smmuv3Driver(Driver):
    """`IommuOps` of the kernel for one SMMU."""

    name: ClassVar[str] = "arm-smmu-v3"
    of_match: ClassVar[tuple[str, ...]] = ("arm,smmu-v3",)

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.events: list[EventRecord] = []
        self._allocated: list[tuple[PhysAddr, int]] = []
        self._domains: dict[int, IommuDomain] = {}

    def probe(self) -> None:
        self._regs = Registers(self.device.ioremap(), TABLE)
        idr0 = self._regs.read("IDR0")
        if not idr0 & S1P:
            raise KernelError(ENODEV, "no stage-1 translation support")
        try:
            self._bring_up()
        except KernelError:
            self.remove()
            raise
        self.kernel.register_iommu(self.device, self)
        self.kernel.log.info(
            f"{self.name} {self.device.name}: ias 39-bit, oas 40-bit (features 0x{idr0:08x})"
        )

    def _bring_up(self) -> None:
        """Queues and tables in memory, then on. What it raises leaves the device on and memory taken."""
        self._disable()
        self._cmdq = QueueShape(self._alloc(16 << CMDQ_LOG2), CMDQ_LOG2, 16)
        self._eventq = QueueShape(self._alloc(32 << EVENTQ_LOG2), EVENTQ_LOG2, 32)
        self._stream_table = self._alloc(STE_WORDS * 8 << SID_BITS)
        self._contexts = self._alloc(CD_WORDS * 8 << SID_BITS)
        self._program()
        self._enable()

    def remove(self) -> None:
        self._disable()
        for address, pages in self._allocated:
            self.kernel.free_pages(address, pages)
        self._allocated.clear()

    # --- IommuOps ----------------------------------------------------------

    def attach_domain(self, stream: int, domain: IommuDomain) -> None:
        """Write the context descriptor, then the STE that points to it. -EINVAL for a stream out of range."""
        if stream >> SID_BITS:
            raise KernelError(EINVAL, f"stream {stream:#x} is beyond the table's {1 << SID_BITS} entries")
        context = PhysAddr(self._contexts + stream * CD_WORDS * 8)
        mair = WRITE_BACK << (8 * CACHEABLE_INDEX)
        self._store(context, ContextDescriptor.build(domain.table.root, T0SZ, domain.asid, mair))
        self._store(PhysAddr(self._stream_table + stream * STE_WORDS * 8), StreamTableEntry.stage1(context))
        self._domains[stream] = domain
        self._submit(Command(Opcode.CFGI_STE, stream=stream))
        self._sync()

    def invalidate(self, domain: IommuDomain, iova: Iova, size: int) -> None:
        """By address for a few pages, else the whole address space, as one command is cheaper."""
        if size >> PAGE_SHIFT <= VA_INVALIDATION_LIMIT:
            for address in range(iova, iova + size, PAGE_SIZE):
                self._submit(Command(Opcode.TLBI_NH_VA, asid=domain.asid, address=Iova(address)))
        else:
            self._submit(Command(Opcode.TLBI_NH_ASID, asid=domain.asid))
        self._sync()

    # --- interrupts --------------------------------------------------------

    def _event_interrupt(self) -> None:
        """Drain the event queue into the log, in the words of Linux."""
        cons = self._regs.read("EVENTQ_CONS")
        prod = self._regs.read("EVENTQ_PROD")
        while not self._eventq.empty(prod, cons):
            words = [int(word) for word in self.kernel.words(self._eventq.address(cons), EVENT_WORDS)]
            self._log_event(words)
            cons = self._eventq.next(cons) | (cons & OVERFLOW)
            self._regs.write("EVENTQ_CONS", cons)
            prod = self._regs.read("EVENTQ_PROD")
        if (prod ^ cons) & OVERFLOW:
            self.kernel.log.error(f"{self.name} {self.device.name}: EVTQ overflow detected -- events lost")
            self._regs.write("EVENTQ_CONS", cons ^ OVERFLOW)

    def _log_event(self, words: list[int]) -> None:
        log, prefix = self.kernel.log, f"{self.name} {self.device.name}:"
        log.error(f"{prefix} event 0x{words[0] & 0xFF:02x} received:")
        for word in words:
            log.error(f"{prefix} \t0x{word:016x}")
        try:
            record = EventRecord.parse(words)
        except ValueError:
            return
        self.events.append(record)
        if not record.has_address:
            log.error(f"{prefix} {record.event.name}: stream {record.stream:#x}")
            return
        access = "write" if record.write else "read"
        log.error(
            f"{prefix} {record.event.name}: stream {record.stream:#x} {access} at iova {record.iova:#x}; "
            f"last owner: {self.last_owner(record.stream, record.iova)}"
        )

    def last_owner(self, stream: int, iova: int) -> str:
        """Whose mapping `iova` was, for the domain of `stream`."""
        domain = self._domains.get(stream)
        return domain.history.last_owner(iova) if domain else "the stream has no domain"

    def _error_interrupt(self) -> None:
        gerror, gerrorn = self._regs.read("GERROR"), self._regs.read("GERRORN")
        active = gerror ^ gerrorn
        self.kernel.log.error(
            f"{self.name} {self.device.name}: unexpected global error reported (0x{active:08x}), "
            "this could be serious"
        )
        self._regs.write("GERRORN", gerror)

    # --- device ------------------------------------------------------------

    def _disable(self) -> None:
        self._regs.write("IRQ_CTRL", 0)
        self._regs.write("CR0", 0)
        self._acknowledged("CR0ACK", 0)

    def _program(self) -> None:
        regs = self._regs
        regs.write("CR2", RECINVSID)
        regs.write("STRTAB_BASE", self._stream_table, RA=1)
        regs.write("STRTAB_BASE_CFG", LOG2SIZE=SID_BITS)
        regs.write("CMDQ_BASE", self._cmdq.base, LOG2SIZE=CMDQ_LOG2, RA=1)
        regs.write("CMDQ_PROD", 0)
        regs.write("CMDQ_CONS", 0)
        regs.write("EVENTQ_BASE", self._eventq.base, LOG2SIZE=EVENTQ_LOG2, WA=1)
        regs.write("EVENTQ_PROD", 0)
        regs.write("EVENTQ_CONS", 0)

    def _enable(self) -> None:
        self._regs.write("CR0", CMDQEN)
        self._acknowledged("CR0ACK", CMDQEN)
        self._submit(Command(Opcode.CFGI_ALL))
        self._submit(Command(Opcode.TLBI_NSNH_ALL))
        self._sync()
        self.device.request_irq(self._event_interrupt, 0)
        self.device.request_irq(self._error_interrupt, 1)
        self._regs.write("IRQ_CTRL", INTERRUPTS)
        self._acknowledged("IRQ_CTRLACK", INTERRUPTS)
        self._regs.write("CR0", CMDQEN | EVENTQEN | SMMUEN)
        self._acknowledged("CR0ACK", CMDQEN | EVENTQEN | SMMUEN)

    def _acknowledged(self, register: str, value: int) -> None:
        if self._regs.read(register) != value:
            raise KernelError(ETIMEDOUT, f"{register} does not follow")

    def _submit(self, command: Command) -> None:
        """Put one command into the queue. -ETIMEDOUT if the queue stays full."""
        prod = self._regs.read("CMDQ_PROD")
        if self._cmdq.full(prod, self._regs.read("CMDQ_CONS")):
            raise KernelError(ETIMEDOUT, "the command queue does not drain")
        self.kernel.words(self._cmdq.address(prod), COMMAND_WORDS)[:] = np.array(command.build(), dtype="<u8")
        self._regs.write("CMDQ_PROD", self._cmdq.next(prod))

    def _sync(self) -> None:
        """Wait until every command before has been carried out. -ETIMEDOUT on a stuck queue."""
        self._submit(Command(Opcode.SYNC))
        cons = self._regs.read("CMDQ_CONS")
        if not self._cmdq.empty(self._regs.read("CMDQ_PROD"), cons):
            raise KernelError(ETIMEDOUT, f"CMD_SYNC timeout, CMDQ_CONS {cons:#x}")

    # --- memory ------------------------------------------------------------

    def _alloc(self, size: int) -> PhysAddr:
        pages = -(-size // PAGE_SIZE)
        address = self.kernel.alloc_pages(pages)
        self._allocated.append((address, pages))
        return address

    def _store(self, address: PhysAddr, words: list[int]) -> None:
        """Fill a structure with its valid word last, so the SMMU never sees half of it."""
        view = self.kernel.words(address, len(words))
        view[0] = 0
        view[1:] = np.array(words[1:], dtype="<u8")
        view[0] = np.uint64(words[0])
