"""A board with a CPU: what only the assembly of core, timer and interrupts knows."""

from __future__ import annotations

from soc.board import Machine
from soc.cpu.core import TIMER_FREQUENCY, Cpu
from soc.cpu.image import Image
from soc.cpu.stop import StopReason

CORE_MODELS = {"arm,cortex-a72": "Cpu", "arm,armv8-timer": "GenericTimer", "arm,psci-1.0": "Psci"}
"""Nodes that are parts of the core rather than devices on the bus, and what models them."""

TIMER = "arm,armv8-timer"
PHYSICAL, VIRTUAL = 1, 2
"""Places of the two timers of this core among the node's interrupts (binding arm,arch_timer)."""


class Guest:
    """The processor of a machine that runs real software, with `image` loaded and x0.. = `arguments`."""

    def __init__(self, machine: Machine, image: Image, arguments: tuple[int, ...]) -> None:
        self._machine = machine
        frequency = self._timer_frequency()
        self.cpu = Cpu(machine.bus, machine.clock, machine.log.append, timer_frequency=frequency)
        self.cpu.load(image)
        self.cpu.reset(image.entry, *arguments)
        self._wire_timer()
        machine.attach_processor(self)

    def set_irq(self, level: bool) -> None:
        self.cpu.set_irq(level)

    def run(self, until: int) -> StopReason | None:
        """Execute until `until`; waiting for an interrupt passes time. What stopped it for good, or None."""
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

    def _timer_frequency(self) -> int:
        for node in self._machine.tree.compatible(TIMER):
            return node.number("clock-frequency", TIMER_FREQUENCY)
        return TIMER_FREQUENCY

    def _wire_timer(self) -> None:
        for node in self._machine.tree.compatible(TIMER):
            for index, line in (
                (PHYSICAL, self.cpu.timer.physical_irq),
                (VIRTUAL, self.cpu.timer.virtual_irq),
            ):
                if index < len(node.interrupts):
                    interrupt = node.interrupts[index]
                    line.connect(
                        self._machine.interrupt_input(node, interrupt.controller, interrupt.specifier)
                    )
