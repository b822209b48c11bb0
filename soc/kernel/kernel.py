"""The modelled kernel: boots on a machine, binds drivers, takes interrupts.

It is a processor without instructions: between events it does nothing, and an
interrupt runs its handlers at once. All hardware access goes through the bus
as master `cpu`, so drivers meet the very registers that firmware meets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PAGE_SIZE, PhysAddr
from soc.board import Machine
from soc.devicetree.tree import Node
from soc.kernel.device import Device, Driver, Handler
from soc.kernel.errors import EPROBE_DEFER, KernelError
from soc.kernel.file import FileTable
from soc.kernel.iommu import IommuDomain, IommuOps
from soc.kernel.log import KernelLog
from soc.kernel.task import Task
from soc.memory.pages import PageAllocator
from soc.mmu.tables import PageTable

ENODEV, ENOMEM, EINVAL = 19, 12, 22
"""errno values of the driver core."""

STORM = 10_000
"""Interrupts without any time between them after which a line counts as stuck (kernel/irq/spurious.c)."""


class IrqChip(Protocol):
    """What an interrupt controller's driver does for the kernel."""

    def hwirq(self, specifier: tuple[int, ...]) -> int: ...

    def enable(self, specifier: tuple[int, ...]) -> None: ...

    def disable(self, specifier: tuple[int, ...]) -> None: ...

    def handle(self, dispatch: Dispatch) -> None: ...


class Dispatch(Protocol):
    def __call__(self, hwirq: int, /) -> None: ...


class Kernel:
    """The kernel of one machine. `drivers` in the order they are registered."""

    def __init__(self, machine: Machine, drivers: Iterable[type[Driver]]) -> None:
        self.machine = machine
        self.clock = machine.clock
        self.cpu = machine.bus.master("cpu")
        self.dram = machine.dram
        self.log = KernelLog(machine.clock)
        self.files = FileTable(self.log)
        self.pages = PageAllocator(
            [(bank.base, bank.size) for bank in machine.dram.banks],
            [(region.base, region.size) for region in machine.tree.reserved],
        )
        self.init_task = Task.create(self.log, 1, "init")
        self.devices: dict[str, Device] = {}
        self.iommus: dict[str, IommuOps] = {}
        self._drivers = tuple(drivers)
        self._irqchip: IrqChip | None = None
        self._handlers: dict[int, list[Handler]] = {}
        self._specifiers: dict[int, tuple[int, ...]] = {}
        self._burst, self._burst_at = 0, 0
        self._domains: dict[tuple[str, int], IommuDomain] = {}
        self._pending = False
        machine.attach_processor(self)

    # --- boot and drivers --------------------------------------------------

    def boot(self) -> None:
        """Probe every enabled node that has a driver, deferring as drivers ask."""
        self.log.info(f"Machine model: {self.machine.tree.model}")
        waiting = [node for node in self.machine.tree.walk() if node.enabled and self._match(node)]
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
        self.devices.clear()
        for domain in set(self._domains.values()):
            domain.table.free_all()
        self._domains.clear()

    def _match(self, node: Node) -> type[Driver] | None:
        for compatible in node.compatible:
            for driver in self._drivers:
                if compatible in driver.of_match:
                    return driver
        return None

    def _probe(self, node: Node) -> bool:
        """False if the driver wants to be asked again."""
        kind = self._match(node)
        if kind is None:
            return True
        device = Device(self, node)
        try:
            device.iommu_domain = self._domain_of(node)
            driver = kind(device)
            driver.probe()
        except KernelError as error:
            if error.errno == EPROBE_DEFER:
                return False
            self.log.error(f"{kind.name} {device.name}: probe failed: {error}")
            return True
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
        self.dram.view(address, count * PAGE_SIZE)[:] = 0
        return address

    def free_pages(self, address: PhysAddr, count: int) -> None:
        self.pages.free(address >> PAGE_SHIFT, (count - 1).bit_length())

    def words(self, address: PhysAddr, count: int) -> NDArray[np.uint64]:
        """Kernel memory as 64-bit words (tables and queues the kernel owns)."""
        return self.dram.words(address, count)

    # --- interrupts --------------------------------------------------------

    def set_irqchip(self, chip: IrqChip) -> None:
        self._irqchip = chip

    def request_irq(self, device: Device, index: int, handler: Handler) -> None:
        """Call `handler` for the device's interrupt `index`. -EINVAL if it has none."""
        interrupts = device.node.interrupts
        if self._irqchip is None:
            raise KernelError(EPROBE_DEFER, f"{device.name}: no interrupt controller yet")
        if index >= len(interrupts):
            raise KernelError(EINVAL, f"{device.name}: no interrupt {index}")
        specifier = interrupts[index].specifier
        hwirq = self._irqchip.hwirq(specifier)
        self._handlers.setdefault(hwirq, []).append(handler)
        self._specifiers[hwirq] = specifier
        self._irqchip.enable(specifier)

    def _dispatch(self, hwirq: int, /) -> None:
        handlers = self._handlers.get(hwirq)
        if not handlers:
            self.log.error(f"irq {hwirq}: nobody cared")
            return
        for handler in handlers:
            handler()
        self._watch_for_storm(hwirq)

    def _watch_for_storm(self, hwirq: int) -> None:
        """Turn off a line that no handler gets silent; the simulation would never end."""
        if self.clock.now != self._burst_at:
            self._burst, self._burst_at = 0, self.clock.now
        self._burst += 1
        if self._burst > STORM and self._irqchip:
            self.log.warn(
                f"irq {hwirq}: nobody cared, {STORM} interrupts at one instant\nDisabling IRQ #{hwirq}"
            )
            self._irqchip.disable(self._specifiers[hwirq])
            self._burst = 0

    # --- as the machine's processor ----------------------------------------

    def set_irq(self, level: bool) -> None:
        self._pending = level

    def run(self, until: int) -> None:
        """Serve interrupts, then wait; an event that a handler has put earlier ends the wait."""
        if self._pending and self._irqchip:
            self._irqchip.handle(self._dispatch)
        event = self.clock.next_event()
        self.clock.advance(until if event is None else min(event, until))
