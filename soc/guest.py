"""A board with a CPU: what only the assembly of core, timer and interrupts knows."""

from __future__ import annotations

from soc.board import Machine
from soc.cpu.core import TIMER_FREQUENCY, Cpu
from soc.cpu.image import Image
from soc.cpu.psci import CALLS, Conduit
from soc.devicetree.tree import Node, Tree
from soc.errors import BadInput
from soc.memory.cache.comparing import ComparingCache
from soc.processor import StopReason

CORE = "arm,cortex-a72"
TIMER = "arm,armv8-timer"
PSCI = ("arm,psci-1.0", "arm,psci-0.2")

CORE_MODELS = {CORE: "Cpu", TIMER: "GenericTimer", **dict.fromkeys(PSCI, "Psci")}
"""Nodes that are parts of the core rather than devices on the bus, and what models them."""

LONGEST_SLICE = 100_000_000
"""Nanoseconds a guest runs before the machine looks whether it is still wanted."""

PHYSICAL, VIRTUAL = 1, 2
"""Places of the two timers of this core among the node's interrupts (binding arm,arch_timer)."""


class Guest:
    """The processor of a machine that runs real software, with `image` loaded and x0.. = `arguments`.

    It has what the board's nodes say: without one for PSCI its calls are UNDEFINED,
    without one for the timer the system counter stands still and CNTFRQ_EL0 is 0.
    BadInput for a board without a core, or with a PSCI `method` that does not exist.
    """

    def __init__(self, machine: Machine, image: Image, arguments: tuple[int, ...]) -> None:
        self._machine = machine
        tree = machine.tree
        if not tree.compatible(CORE):
            raise BadInput(f"the board has no enabled {CORE} to run firmware on", tree.root.where)
        timer = next(iter(tree.compatible(TIMER)), None)
        self.cpu = Cpu(
            machine.bus,
            machine.clock,
            machine.log.append,
            timer_frequency=timer.number("clock-frequency", TIMER_FREQUENCY) if timer else 0,
            psci=_conduit(tree),
            cache=machine.add_cache(ComparingCache),
        )
        self.cpu.load(image)
        self.cpu.reset(image.entry, *arguments)
        if timer is not None:
            self._wire_timer(timer)
        machine.attach_processor(self)

    def set_irq(self, level: bool) -> None:
        self.cpu.set_irq(level)

    def run(self, until: int) -> StopReason | None:
        """Execute until `until`; waiting for an interrupt passes time. What stopped it for good, or None."""
        until = min(until, self._machine.clock.now + LONGEST_SLICE)
        reason = self.cpu.run(until)
        if reason is StopReason.TIME:
            return None
        if reason is StopReason.WFI:
            self._wait(until)
            return None
        return reason

    def _wait(self, until: int) -> None:
        """Sleep to the next event, which may be nearer than `until` by now."""
        event = self._machine.clock.next_event()
        self._machine.clock.advance(until if event is None else min(event, until))

    def _wire_timer(self, node: Node) -> None:
        for index, line in (
            (PHYSICAL, self.cpu.timer.physical_irq),
            (VIRTUAL, self.cpu.timer.virtual_irq),
        ):
            if index < len(node.interrupts):
                interrupt = node.interrupts[index]
                line.connect(self._machine.interrupt_input(node, interrupt.controller, interrupt.specifier))


def _conduit(tree: Tree) -> Conduit | None:
    """By which instruction the board's PSCI is called; None without PSCI."""
    for node in tree.compatible(*PSCI):
        found = node.strings("method")
        for conduit in CALLS.values():
            if found == (conduit,):
                return conduit
        raise BadInput(f"method of {node.path} must be hvc or smc", node.where)
    return None
