"""The board: device tree in, running machine out.

Every enabled node whose `compatible` is in the catalogue becomes a hardware
model on the bus. IOMMUs come first, so that the masters behind them find their
translator, then interrupt controllers, clocks and GPIOs, then the rest in tree order,
those that watch a syscon last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from soc.address import PhysAddr, human_size
from soc.bus import Bus, Master, Window
from soc.clock import Clock
from soc.device import InterruptController, Model, Slot
from soc.devicetree.reserved import MemoryRange
from soc.devicetree.tree import Node, Tree
from soc.errors import BadInput
from soc.iommu.port import DmaPort, Translator
from soc.iommu.route import DmaRoute
from soc.irq import IrqLine
from soc.memory.cache.adversary import Adversary
from soc.memory.cache.cache import CpuCache
from soc.memory.cache.views import DramView, SnoopingView
from soc.memory.dram import Bank, Dram
from soc.processor import Processor, StopReason

C = TypeVar("C", bound=CpuCache)

Catalogue = Mapping[str, type[Model]]
"""Hardware models by compatible string."""


MOST_REMARKS = 10_000
"""Lines of the hardware's log."""

MOST_DRAM = 64 << 30
"""Bytes: the books of pages and lines take about 60 MiB of the host for each GiB."""


class Machine:
    """A built board. `models` by node path, `log` one line per remark of the hardware.

    `cache` is the processor's data cache where one of the masters does not see it
    (no `dma-coherent`); `adversary` decides what it holds when it matters.
    """

    def __init__(self, tree: Tree, catalogue: Catalogue, adversary: Adversary | None = None) -> None:
        if not tree.memory:
            raise BadInput("the board has no memory node, so nothing can run on it", tree.root.where)
        if (total := sum(memory.size for memory in tree.memory)) > MOST_DRAM:
            problem = f"the board has {human_size(total)} of DRAM, a machine can have {human_size(MOST_DRAM)}"
            raise BadInput(problem, tree.memory[0].node.where)
        self.tree = tree
        self.clock = Clock()
        self.dram = Dram([_bank(memory) for memory in tree.memory])
        self.bus = Bus(self.dram)
        self.models: dict[str, Model] = {}
        self.log: list[str] = []
        self._catalogue = catalogue
        self._slots: dict[str, Slot] = {}
        self.interrupted: Callable[[], bool] = lambda: False
        self.cache: CpuCache | None = None
        self._adversary = adversary
        self._coherent: list[Master] = []
        self._incoherent: list[Master] = []
        self._processor: Processor | None = None
        self._power: StopReason | None = None
        nodes = [node for node in tree.walk() if node.enabled and node.match(catalogue) is not None]
        for node in sorted(nodes, key=_build_order):
            self._build(node)
        self._check_controllers()
        for node in nodes:
            self._wire_interrupts(node)

    def model(self, path_or_label: str) -> Model:
        """The model of one node. BadInput if the board has no such node or no model for it."""
        node = self.tree.find(path_or_label)
        if node is None or node.path not in self.models:
            raise BadInput(f"the board has no modelled node {path_or_label!r}")
        return self.models[node.path]

    def dma_port(self, node: Node) -> DmaPort:
        """The way to memory of a modelled node. KeyError without a model."""
        return self._slots[node.path].dma

    def add_cache(self, kind: type[C]) -> C | None:
        """Give the processor a data cache, unless every master sees into it."""
        if not self._incoherent:
            return None
        never_cached = [(region.base, region.size) for region in self.tree.reserved if region.no_map]
        cache = kind(self.dram, lambda: self.clock.now, self._adversary, never_cached)
        for master in self._incoherent:
            master.memory = DramView(cache, master.name)
        for master in self._coherent:
            master.memory = SnoopingView(cache, master.name)
        self.cache = cache
        return cache

    # --- running -----------------------------------------------------------

    def attach_processor(self, processor: Processor) -> None:
        """Lead the interrupt controller's output to `processor` and let it run the machine."""
        self._processor = processor
        for model in self.models.values():
            if isinstance(model, InterruptController):
                model.cpu_irq.connect(processor.set_irq)

    def run(self, until: int, stop: Callable[[], bool]) -> StopReason | None:
        """Run to virtual time `until` (ns), until `stop()` or until the processor stops.

        Returns what made the processor stop, or None. KeyboardInterrupt once `interrupted()`.
        """
        if self._processor is None:
            raise RuntimeError("the machine has no processor")
        while self.clock.now < until and not stop():
            if self.interrupted():
                raise KeyboardInterrupt
            self.clock.run_due()
            if self._power is not None:
                return self._power
            event = self.clock.next_event()
            reason = self._processor.run(until if event is None else min(event, until))
            if reason is not None:
                return reason
        return None

    def close(self) -> None:
        """Close the banks' memfds; the host has the memory back when the last array on it is gone."""
        for bank in self.dram.banks:
            bank.close()
        if self.cache is not None:
            self.cache.close()

    # --- building ----------------------------------------------------------

    def _build(self, node: Node) -> None:
        kind = node.match(self._catalogue)
        assert kind is not None
        master = self.bus.master(self._master_name(node))
        irqs = tuple(IrqLine(f"{node.name}.{index}") for index in range(len(node.interrupts)))
        port = self._dma_port(node, master)
        log = self._log_for(node)
        slot = Slot(node, self.clock, self.bus, irqs, master, port, log, self._request_power, self._provider)
        model = kind(slot)
        self._slots[node.path] = slot
        if len(node.reg) < len(model.targets):
            raise BadInput(
                f"{node.path}: its model needs {len(model.targets)} reg entries, it has {len(node.reg)}",
                node.where,
            )
        for reg, table in zip(node.reg, model.tables, strict=False):
            if reg.size < table.span:
                raise BadInput(
                    f"reg of {node.path} is {human_size(reg.size)}, "
                    f"its registers need {human_size(table.span)}",
                    node.where,
                )
        for reg, target in zip(node.reg, model.targets, strict=False):
            try:
                self.bus.attach(Window(PhysAddr(reg.address), reg.size, target, node.name))
            except ValueError as error:
                raise BadInput(f"{node.path}: {error}", node.where) from error
        if model.dma:
            (self._coherent if node.dma_coherent else self._incoherent).append(master)
        self.models[node.path] = model

    def _request_power(self, reason: StopReason) -> None:
        """A model ends the run, once the processor is between two slices."""
        self._power = reason
        self.clock.after(0, lambda: None)

    def _provider(self, node: Node) -> Model | None:
        return self.models.get(node.path)

    def _master_name(self, node: Node) -> str:
        """The node's name; its path where another node has the same name."""
        namesakes = [other for other in self.tree.walk() if other.name == node.name]
        return node.name if len(namesakes) == 1 else node.path

    def _dma_port(self, node: Node, master: Master) -> DmaPort:
        for entry in node.phandles("iommus", "#iommu-cells"):
            iommu = self.models.get(entry.node.path)
            if iommu is None:
                raise BadInput(
                    f"{node.path}: iommus names {entry.node.path}, which "
                    + ("has no model" if entry.node.enabled else "is disabled"),
                    entry.where,
                )
            return DmaPort(master, entry.args[0] if entry.args else 0, cast(Translator, iommu))
        return DmaPort(master, route=DmaRoute.of(node))

    def _check_controllers(self) -> None:
        """BadInput if more than one drives the processor."""
        found = [path for path, model in self.models.items() if isinstance(model, InterruptController)]
        if len(found) > 1:
            node = self._slots[found[1]].node
            raise BadInput(f"{found[1]} and {found[0]} would both drive the CPU: it takes one", node.where)

    def _wire_interrupts(self, node: Node) -> None:
        for line, interrupt in zip(self._slots[node.path].irqs, node.interrupts, strict=True):
            line.connect(self.interrupt_input(node, interrupt.controller, interrupt.specifier))

    def interrupt_input(
        self, node: Node, controller: Node, specifier: tuple[int, ...]
    ) -> Callable[[bool], None]:
        """Where an interrupt of `node` goes in. BadInput for a controller that cannot take it."""
        model: object = self.models.get(controller.path)
        if not isinstance(model, InterruptController):
            raise BadInput(
                f"{node.path}: {controller.path} is not a modelled interrupt controller", node.where
            )
        try:
            return model.input(specifier)
        except ValueError as error:
            raise BadInput(f"{node.path}: interrupt {list(specifier)}: {error}", node.where) from error

    def remark(self, line: str) -> None:
        """Put `line` into the log, which is kept to `MOST_REMARKS`: a guest may cause any number."""
        if len(self.log) < MOST_REMARKS:
            self.log.append(line)
        elif len(self.log) == MOST_REMARKS:
            self.log.append("the hardware has more to remark than is kept")

    def _log_for(self, node: Node) -> Callable[[str], None]:
        return lambda text: self.remark(f"[{self.clock.now / 1e9:12.6f}] {node.name}: {text}")


def _bank(memory: MemoryRange) -> Bank:
    """BadInput if this host has no room for it."""
    try:
        return Bank(memory.base, memory.size)
    except OSError as error:
        raise BadInput(
            f"{memory.node.path}: this host cannot give {human_size(memory.size)} of DRAM: {error.strerror}",
            memory.node.where,
        ) from error


PROVIDERS = ("#iommu-cells", "#interrupt-cells", "#clock-cells", "#gpio-cells")
"""Who must be there before its users, first to last."""


def _build_order(node: Node) -> int:
    found = [order for order, cells in enumerate(PROVIDERS) if cells in node.properties]
    return min(found, default=len(PROVIDERS) + ("regmap" in node.properties))
