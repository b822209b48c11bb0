"""The modelled kernel: boots on a machine, binds drivers, takes interrupts.

It is a processor without instructions: between events it does nothing, and an
interrupt runs its handlers at once. All hardware access goes through the bus
as master `cpu`, so drivers meet the very registers that firmware meets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from errno import ENODEV

from soc.board import Machine
from soc.devicetree.tree import Node
from soc.kernel.core import KernelCore
from soc.kernel.device import Device, Driver
from soc.kernel.dma.debug import DmaDebug, add_views
from soc.kernel.dma.of.configure import of_dma_configure
from soc.kernel.dma.of.ranges import zone_dma_limit
from soc.kernel.dma.of.reserved import ReservedMemory
from soc.kernel.dma.swiotlb.default_pool import default_pool, describe
from soc.kernel.dma.swiotlb.views import add_swiotlb_views
from soc.kernel.dmaengine import DmaEngines
from soc.kernel.errors import EPROBE_DEFER, KernelError
from soc.kernel.generation import DEFAULT_GENERATION, Generation
from soc.kernel.iommu.groups import IommuGroups
from soc.kernel.irq import Handler, Interrupts, IrqChip
from soc.kernel.mm.cma_views import add_cma_views
from soc.kernel.mm.memory import KernelMemory
from soc.kernel.mm.memory_views import add_memory_views
from soc.kernel.parameters import Parameters
from soc.memory.cache.cache import CpuCache
from soc.memory.cache.views import CachedView

Module = Callable[["Kernel"], None]
"""What runs when the kernel has booted, before anything is asked of it (module_init)."""


class Kernel(KernelCore):
    """The kernel of one machine. `drivers` in the order they are registered, then `modules` in order.

    `memory` has its pages and CMA areas, `iommu` its groups and domains, `dma_engines` the
    channels that copy, `dma_debug` the checks of the DMA API, None with
    dma_debug=off, and `swiotlb` the bounce pool, if there is one. `devices` and
    `probe_errors` go by node path: what is bound, and why the last probe of the others failed.
    """

    def __init__(
        self,
        machine: Machine,
        drivers: Iterable[type[Driver]],
        modules: Iterable[Module] = (),
        generation: Generation = DEFAULT_GENERATION,
    ) -> None:
        super().__init__(machine.clock, generation)
        self._tree = machine.tree
        self._modules = tuple(modules)
        self.machine = machine
        self.cpu = machine.bus.master("cpu")
        self.cache = machine.add_cache(CpuCache)
        if self.cache is not None:
            self.cpu.memory = CachedView(self.cache, "cpu")
        self.parameters = Parameters.of_chosen(machine.tree.root.child("chosen"))
        self.memory = KernelMemory(machine.dram, machine.tree, self.cpu, self.log)
        if self.cache is not None:
            self.memory.pages.freed = self.cache.forget
        self.zone_dma_limit = zone_dma_limit(machine.tree)
        self.reserved_memory = ReservedMemory(self, machine.tree.reserved)
        self.swiotlb = default_pool(self, machine.tree)
        entries = self.parameters.dma_debug_entries
        self.dma_debug = DmaDebug(self, entries) if self.parameters.dma_debug else None
        self._add_views()
        self._add_counters()
        self.iommu = IommuGroups(self)
        self.dma_engines = DmaEngines(self.log)
        self.devices: dict[str, Device] = {}
        self.probe_errors: dict[str, str] = {}
        registered = tuple(drivers)
        self._drivers = {name: driver for driver in reversed(registered) for name in driver.of_match}
        self._interrupts = Interrupts(self.clock, self.log)
        self._pending = False
        machine.attach_processor(self)

    # --- boot and drivers --------------------------------------------------

    def boot(self) -> None:
        """Probe every enabled node that has a driver, deferring as drivers ask, then load the modules."""
        self._probe_all()
        for module in self._modules:
            module(self)

    def _probe_all(self) -> None:
        self.log.info(f"Machine model: {self._tree.model}")
        self.memory.boot()
        if self.swiotlb is not None:
            self.log.info(describe(self.swiotlb))
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
            if self.dma_debug is not None:
                self.dma_debug.driver_unbound(device)
        self.devices.clear()
        self.iommu.release()
        self.sched.close()

    def _add_views(self) -> None:
        """Fill debugfs, procfs and sysfs."""
        add_memory_views(self.views, self.memory)
        for area in self.memory.cma.areas:
            add_cma_views(self.views, area)
        if self.swiotlb is not None:
            add_swiotlb_views(self.views, self.swiotlb)
        if self.dma_debug is not None:
            add_views(self.views, self.dma_debug)

    def _add_counters(self) -> None:
        memory, debug = self.memory, self.dma_debug
        self.counters.add("free pages", lambda: memory.pages.free_frames)
        self.counters.add("pages of CMA area", lambda: {area.name: area.used for area in memory.cma.areas})
        if debug is not None:
            self.counters.add("DMA mappings", lambda: debug.records.ledger.total - debug.records.ledger.free)

    def _probe(self, node: Node) -> bool:
        """False if the driver wants to be asked again."""
        kind = node.match(self._drivers)
        if kind is None:
            return True
        device = Device(self, node)
        try:
            device.iommu_domain = self.iommu.attach(node, device.name)
            of_dma_configure(device)
            device.driver = kind(device)
            device.driver.probe()
        except KernelError as error:
            device.driver = None
            device.release_managed()
            self.probe_errors[node.path] = str(error)
            if error.errno == EPROBE_DEFER:
                return False
            self.log.error(f"{kind.name} {device.name}: probe failed: {error}")
            return True
        self.probe_errors.pop(node.path, None)
        self.devices[node.path] = device
        return True

    def page_owner(self, frame: int) -> str:
        return str(self.memory.owners.last_owner(frame) or "no buffer")

    # --- interrupts --------------------------------------------------------

    def set_irqchip(self, chip: IrqChip) -> None:
        self._interrupts.chip = chip

    def request_irq(self, device: Device, index: int, handler: Handler) -> None:
        """Call `handler` for the device's interrupt `index`. -EINVAL if it has none."""
        self._interrupts.request(device, index, handler)

    def free_irq(self, device: Device, index: int, handler: Handler) -> None:
        """Undo `request_irq`."""
        self._interrupts.free(device, index, handler)

    def serve(self) -> None:
        """Take what is pending, while everybody waits."""
        if self._pending:
            with self.sched.interrupt():
                self._interrupts.serve()

    # --- as the machine's processor ----------------------------------------

    def set_irq(self, level: bool) -> None:
        self._pending = level

    def run(self, until: int) -> None:
        """Serve interrupts and run the threads that can, then wait for the next event or timeout."""
        self.serve()
        self.sched.run_ready()
        events = (until, self.clock.next_event(), self.sched.next_deadline())
        self.clock.advance(min(event for event in events if event is not None))
