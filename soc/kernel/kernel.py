"""The modelled kernel: boots on a machine, binds drivers, takes interrupts.

It is a processor without instructions: between events it does nothing, and an
interrupt runs its handlers at once. All hardware access goes through the bus
as master `cpu`, so drivers meet the very registers that firmware meets.
"""

from __future__ import annotations

from collections.abc import Iterable
from errno import EFAULT, ENODEV, ENOMEM

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PAGE_SIZE, PhysAddr
from soc.board import Machine
from soc.devicetree.tree import Node
from soc.kernel.device import Device, Driver
from soc.kernel.errors import EPROBE_DEFER, KernelError
from soc.kernel.file import FileTable
from soc.kernel.iommu import IommuDomain, IommuOps
from soc.kernel.irq import Handler, Interrupts, IrqChip
from soc.kernel.log import KernelLog
from soc.memory.pages import PageAllocator
from soc.mmu.tables import PageTable


class Kernel:
    """The kernel of one machine. `drivers` in the order they are registered.

    `probe_errors` has, by node path, why the last probe of a device did not succeed.
    """

    def __init__(self, machine: Machine, drivers: Iterable[type[Driver]]) -> None:
        self._tree = machine.tree
        self._dram = machine.dram
        self.clock = machine.clock
        self.cpu = machine.bus.master("cpu")
        self.log = KernelLog(machine.clock)
        self.files = FileTable(self.log)
        self.pages = PageAllocator(
            [(bank.base, bank.size) for bank in machine.dram.banks],
            [(region.base, region.size) for region in machine.tree.reserved],
        )
        self.devices: dict[str, Device] = {}
        self.probe_errors: dict[str, str] = {}
        self.iommus: dict[str, IommuOps] = {}
        registered = tuple(drivers)
        self._drivers = {name: driver for driver in reversed(registered) for name in driver.of_match}
        self._interrupts = Interrupts(self.clock, self.log)
        self._domains: dict[tuple[str, int], IommuDomain] = {}
        self._pending = False
        machine.attach_processor(self)

    # --- boot and drivers --------------------------------------------------

    def boot(self) -> None:
        """Probe every enabled node that has a driver, deferring as drivers ask."""
        self.log.info(f"Machine model: {self._tree.model}")
        waiting = [
            node for node in self._tree.walk() if node.enabled and node.match(self._drivers) is not None
        ]
        while waiting:
            deferred = [node for node in waiting if not self._probe(node)]
            if len(deferred) == len(waiting):
                for node in deferred:
                    self.log.info(f"platform {Device(self, node).name}: deferred probe pending")
                return
            waiting = deferred

    def device(self, node: Node) -> Device:
        """The platform device of a node. -ENODEV if no driver bound to it."""
        device = self.devices.get(node.path)
        if device is None:
            raise KernelError(ENODEV, f"no driver is bound to {node.path}")
        return device

    def shutdown(self) -> None:
        """Unbind drivers in reverse order of binding."""
        for device in reversed(self.devices.values()):
            if device.driver:
                device.driver.remove()
                device.driver = None
            device.release_managed()
        self.devices.clear()
        for domain in dict.fromkeys(self._domains.values()):
            domain.table.free_all()
        self._domains.clear()

    def _probe(self, node: Node) -> bool:
        """False if the driver wants to be asked again."""
        kind = node.match(self._drivers)
        if kind is None:
            return True
        device = Device(self, node)
        try:
            device.iommu_domain = self._domain_of(node)
            driver = kind(device)
            driver.probe()
        except KernelError as error:
            device.release_managed()
            self.probe_errors[node.path] = str(error)
            if error.errno == EPROBE_DEFER:
                return False
            self.log.error(f"{kind.name} {device.name}: probe failed: {error}")
            return True
        self.probe_errors.pop(node.path, None)
        device.driver = driver
        self.devices[node.path] = device
        return True

    # --- IOMMU -------------------------------------------------------------

    def register_iommu(self, device: Device, ops: IommuOps) -> None:
        self.iommus[device.node.path] = ops

    def _domain_of(self, node: Node) -> IommuDomain | None:
        """The DMA domain of a device's group, made and attached on first use.

        All streams of the device share it. None without `iommus`, and also when the
        IOMMU refuses: like Linux, the device then goes on with direct addresses.
        """
        entries = node.phandles("iommus", "#iommu-cells")
        streams = [(entry.node.path, entry.args[0] if entry.args else 0) for entry in entries]
        for path, _ in streams:
            if path not in self.iommus:
                raise KernelError(EPROBE_DEFER, f"{path} has not been probed")
        domain = next((self._domains[key] for key in streams if key in self._domains), None)
        for path, stream in streams:
            if (path, stream) in self._domains:
                continue
            ops = self.iommus[path]
            domain = domain or IommuDomain(ops, self._page_table(), len(self._domains) + 1)
            try:
                ops.attach_domain(stream, domain)
            except KernelError as error:
                self.log.error(f"platform {Device(self, node).name}: no IOMMU, direct addresses: {error}")
                return None
            self._domains[path, stream] = domain
        return domain

    def _page_table(self) -> PageTable:
        return PageTable(
            lambda: self.alloc_pages(1), lambda table: self.free_pages(table, 1), self.words, start_level=1
        )

    # --- memory ------------------------------------------------------------

    def alloc_pages(self, count: int) -> PhysAddr:
        """`count` contiguous zeroed pages, rounded up to a power of two. -ENOMEM without any."""
        frame = self.pages.alloc((count - 1).bit_length())
        if frame is None:
            raise KernelError(ENOMEM, f"no {count} contiguous free pages")
        address = PhysAddr(frame << PAGE_SHIFT)
        self._dram.view(address, count * PAGE_SIZE)[:] = 0
        return address

    def free_pages(self, address: PhysAddr, count: int) -> None:
        self.pages.free(address >> PAGE_SHIFT, (count - 1).bit_length())

    def words(self, address: PhysAddr, count: int) -> NDArray[np.uint64]:
        """Kernel memory as 64-bit words (tables and queues the kernel owns).

        -EFAULT outside DRAM and in reserved regions: no page there is the allocator's.
        """
        end = address + 8 * count
        for region in self._tree.reserved:
            if address < region.end and region.base < end:
                raise KernelError(EFAULT, f"{address:#x}..{end - 1:#x} is not the kernel's: {region}")
        if self._dram.bank(address, end - address) is None:
            raise KernelError(EFAULT, f"{address:#x}..{end - 1:#x} is not DRAM")
        return self._dram.words(address, count)

    # --- interrupts --------------------------------------------------------

    def set_irqchip(self, chip: IrqChip) -> None:
        self._interrupts.chip = chip

    def request_irq(self, device: Device, index: int, handler: Handler) -> None:
        """Call `handler` for the device's interrupt `index`. -EINVAL if it has none."""
        self._interrupts.request(device, index, handler)

    def free_irq(self, device: Device, index: int, handler: Handler) -> None:
        """Undo `request_irq`."""
        self._interrupts.free(device, index, handler)

    # --- as the machine's processor ----------------------------------------

    def set_irq(self, level: bool) -> None:
        self._pending = level

    def run(self, until: int) -> None:
        """Serve interrupts, then wait; an event that a handler has put earlier ends the wait."""
        if self._pending:
            self._interrupts.serve()
        event = self.clock.next_event()
        self.clock.advance(until if event is None else min(event, until))
