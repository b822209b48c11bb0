"""The SMMUv3 driver: brings the device up, serves its interrupts, and is `IommuOps` for the kernel.

In the order Linux does (drivers/iommu/arm/arm-smmu-v3): identify, queues, stream
table, invalidate everything, interrupts, enable. Streams without a domain have
invalid entries, so their traffic faults and is reported.

Not modelled: MSIs (no board has a controller for them), PRI, ATS, SVA, runtime
power management.
"""

from __future__ import annotations

from errno import EINVAL
from typing import ClassVar

from devices.smmuv3.driver.control import Control
from devices.smmuv3.driver.domain import SmmuDomain
from devices.smmuv3.driver.events import EventQueue
from devices.smmuv3.driver.features import Feature, Probed
from devices.smmuv3.driver.ids import IdAllocator
from devices.smmuv3.driver.queue import CommandQueue, Encoded, Words, encode
from devices.smmuv3.driver.tables import ContextTable, IoPageTable, StreamTable, TableMemory
from devices.smmuv3.regs import CMDQ_ERR, EVENTQ_ABT_ERR, TABLE
from devices.smmuv3.spec import STE_WORDS, Command, EventRecord, Opcode
from devices.smmuv3.spec.queues import QueueShape
from soc.address import Iova
from soc.kernel.device import Device, Driver
from soc.kernel.errors import KernelError
from soc.kernel.iommu.domain import DomainKind, IommuDomain
from soc.kernel.iommu.ops import StreamTraits
from soc.kernel.irq import Handler
from soc.kernel.registers import Registers

SFM_ERR = TABLE.mask("GERROR", "SFM_ERR")
GERROR_TEXT = {
    SFM_ERR: "device has entered Service Failure Mode!",
    EVENTQ_ABT_ERR: "EVTQ write aborted -- events may have been lost",
}


class Smmuv3Driver(Driver):
    """`IommuOps` of the kernel for one SMMU."""

    name: ClassVar[str] = "arm-smmu-v3"
    of_match: ClassVar[tuple[str, ...]] = ("arm,smmu-v3",)

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self._memory = TableMemory(self.kernel.memory)
        self._domains: dict[tuple[int, int], SmmuDomain] = {}
        self._contexts: dict[int, ContextTable] = {}
        self._removed = False

    @property
    def events(self) -> list[EventRecord]:
        """The event records that could be decoded, oldest first."""
        return self._eventq.records

    def probe(self) -> None:
        self._regs = Registers(self.device.ioremap(), TABLE)
        self._control = Control(self._regs)
        if self._control.translating:
            self._error("SMMU currently enabled! Resetting...")
        self._control.disable()
        self._request(
            "eventq", lambda: self._eventq.interrupt(), "no evtq irq - events will not be reported!"
        )
        self._request("gerror", self._error_interrupt, "no gerr irq - errors will not be reported!")
        probed = self._probed = Probed.of(self._regs)
        self._asids = IdAllocator("ASID", probed.asid_bits)
        self._vmids = IdAllocator("VMID", probed.vmid_bits)
        self._info(f"ias {probed.ias}-bit, oas {probed.oas}-bit (features 0x{probed.features:08x})")
        try:
            self._bring_up(probed)
        except KernelError:
            self.remove()
            raise
        self.kernel.iommu.register(self.device, self)

    def _bring_up(self, probed: Probed) -> None:
        """Queues and tables in memory, then on. What it raises leaves the device on and memory taken."""
        shape, ring = self._ring(probed.cmdq, 16)
        sev = probed.has(Feature.SEV)
        self._cmdq = CommandQueue(self._regs, shape, ring, sev, self._error, self._error_interrupt)
        shape, ring = self._ring(probed.eventq, 32)
        self._eventq = EventQueue(self._regs, shape, ring, self, self._issue, self._error)
        self._streams = StreamTable(self._memory, probed.sid_bits, probed.two_level)
        self._enable(probed)

    def remove(self) -> None:
        self.kernel.iommu.unregister(self.device)
        self._removed = True
        self._control.disable()
        self._memory.free_all()

    # --- IommuOps ----------------------------------------------------------

    def of_xlate(self, cells: tuple[int, ...]) -> tuple[int, ...]:
        """One cell, the stream id (arm,smmu-v3.yaml); none stands for stream 0."""
        if len(cells) > 1:
            raise KernelError(EINVAL, f"{self.device.name} takes one cell, a stream id, not {len(cells)}")
        return cells or (0,)

    def domain_alloc(self, kind: DomainKind) -> IommuDomain:
        """Stage 1 where the SMMU has it, else stage 2. -ENOSPC without a free ASID or VMID, -ENOMEM."""
        probed = self._probed
        if kind is DomainKind.IDENTITY:
            return SmmuDomain(self, probed, None, kind, self.kernel.clock)
        table = IoPageTable(self.kernel.memory, probed.granule, probed.input_bits, probed.stage)
        first = probed.stage == 1
        try:
            number = (self._asids if first else self._vmids).take()
        except KernelError:
            table.free_all()
            raise
        ids = {"asid": number} if first else {"vmid": number}
        return SmmuDomain(self, probed, table, kind, self.kernel.clock, **ids)

    def domain_free(self, domain: IommuDomain) -> None:
        """The identifiers are free again, once no cached translation has them."""
        mine = self._mine(domain)
        self.invalidate_all(mine)
        self._asids.give(mine.asid)
        self._vmids.give(mine.vmid)

    def attach_domain(
        self, stream: int, domain: IommuDomain, traits: StreamTraits, substream: int = 0
    ) -> None:
        """Write the context descriptor, then the STE that points to it."""
        mine, entry = self._mine(domain), self._streams.entry(stream)
        if mine.translates and self._probed.stage == 1:
            self._write_context(stream, mine, traits, substream)
        elif substream:
            raise KernelError(EINVAL, f"{self.device.name} has no substreams without stage 1")
        if not substream:
            self._memory.store(entry, mine.stream_entry(self._contexts.get(stream), traits).build())
            self._issue([encode(Command(Opcode.CFGI_STE, stream=stream, leaf=False))])
        self._domains[stream, substream] = mine

    def detach(self, stream: int) -> None:
        """An invalid STE, as for a stream that never had a domain."""
        self._memory.store(self._streams.entry(stream), [0] * STE_WORDS)
        self._issue([encode(Command(Opcode.CFGI_STE, stream=stream, leaf=False))])
        if (contexts := self._contexts.pop(stream, None)) is not None:
            contexts.free()
        for key in [key for key in self._domains if key[0] == stream]:
            del self._domains[key]

    def invalidate(self, domain: IommuDomain, iova: Iova, size: int) -> None:
        self._issue(self._mine(domain).invalidate_commands(iova, size))

    def invalidate_all(self, domain: IommuDomain) -> None:
        self._issue(self._mine(domain).invalidate_all_commands())

    def domain_of(self, stream: int, substream: int) -> IommuDomain | None:
        """Through what a substream translates; without substreams that is 0."""
        return self._domains.get((stream, substream))

    def devices_of(self, stream: int) -> tuple[str, ...]:
        """Names of the devices that issue `stream`."""
        return self.kernel.iommu.devices_of(self.device.node.path, stream)

    def last_owner(self, stream: int, iova: int) -> str:
        """Whose mapping `iova` was, for the domain of `stream`."""
        domain = self._domains.get((stream, 0))
        return domain.history.last_owner(iova) if domain else "the stream has no domain"

    def _mine(self, domain: IommuDomain) -> SmmuDomain:
        """-EINVAL for a domain of another IOMMU."""
        if not isinstance(domain, SmmuDomain) or domain.ops is not self:
            raise KernelError(EINVAL, f"the domain is not one of {self.device.name}")
        return domain

    def _write_context(self, stream: int, domain: SmmuDomain, traits: StreamTraits, substream: int) -> None:
        probed = self._probed
        contexts = self._contexts.get(stream)
        if contexts is None:
            bits = min(traits.substream_bits, probed.ssid_bits)
            contexts = ContextTable(self._memory, bits, probed.has(Feature.TWO_LEVEL_CDTAB))
            self._contexts[stream] = contexts
        self._memory.store(contexts.entry(substream), domain.context(traits).build())
        if substream:
            self._issue([encode(Command(Opcode.CFGI_CD, stream=stream, substream=substream, leaf=False))])

    def _issue(self, commands: list[Encoded]) -> None:
        """Carry out and wait. A queue that is stuck is reported, as on Linux, and nothing else.

        Without the device there is nothing left to tell.
        """
        if not commands or self._removed:
            return
        try:
            self._cmdq.issue(commands)
        except KernelError as error:
            self._error(error.why)

    # --- interrupts --------------------------------------------------------

    def _error_interrupt(self) -> None:
        gerror, gerrorn = self._regs.read("GERROR"), self._regs.read("GERRORN")
        active = gerror ^ gerrorn
        if not active:
            return
        self._error(f"unexpected global error reported (0x{active:08x}), this could be serious")
        for bit, text in GERROR_TEXT.items():
            if active & bit:
                self._error(text)
        if active & SFM_ERR:
            self._control.disable()
        if active & CMDQ_ERR:
            self._cmdq.skip_error()
        self._regs.write("GERRORN", gerror)

    # --- device ------------------------------------------------------------

    def _ring(self, log2: int, entry: int) -> tuple[QueueShape, Words]:
        """Memory of a queue of 1 << `log2` entries."""
        shape = QueueShape(self._memory.alloc(entry << log2), log2, entry)
        return shape, self.kernel.memory.words(shape.base, (entry << log2) // 8)

    def _enable(self, probed: Probed) -> None:
        self._control.program(self._streams)
        self._cmdq.reset()
        self._eventq.reset()
        self._control.enable_commands()
        self._cmdq.issue([encode(Command(Opcode.CFGI_ALL)), encode(Command(Opcode.TLBI_NSNH_ALL))])
        if probed.has(Feature.MSI):
            self._control.no_messages()
            self._info("msi_domain absent - falling back to wired irqs")
        self._control.enable_interrupts()
        self._control.enable()

    def _request(self, name: str, handler: Handler, without: str) -> None:
        """Ask for a wired interrupt by its name; without it the SMMU still translates.

        -EPROBE_DEFER while there is no interrupt controller.
        """
        names = self.device.node.strings("interrupt-names")
        if name in names:
            self.device.request_irq(handler, names.index(name))
        elif "combined" in names:
            self.device.request_irq(handler, names.index("combined"))
        else:
            self._error(without)

    # --- log -----------------------------------------------------------------

    def _info(self, text: str) -> None:
        self.kernel.log.info(f"{self.name} {self.device.name}: {text}")

    def _error(self, text: str) -> None:
        self.kernel.log.error(f"{self.name} {self.device.name}: {text}")
