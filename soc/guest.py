"""A board with a CPU: what only the assembly of core, timer and interrupts knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from soc.board import Machine
from soc.cpu.core import TIMER_FREQUENCY, Cpu
from soc.cpu.engine import TooManyRegions
from soc.cpu.image import Image
from soc.cpu.psci import CALL_LEVEL, CALLS, Conduit
from soc.cpu.ways import Choice
from soc.device import CpuInterface
from soc.devicetree.tree import Node, Tree
from soc.errors import BadInput
from soc.memory.cache.comparing import ComparingCache
from soc.processor import StopReason

CORE = "arm,cortex-a72"
TIMER = "arm,armv8-timer"
PSCI = ("arm,psci-1.0", "arm,psci-0.2")

CORE_MODELS = {CORE: "Cpu", TIMER: "GenericTimer", **dict.fromkeys(PSCI, "Psci")}
"""Nodes that are parts of the core rather than devices on the bus, and what models them."""

LONGEST_SLICE = 2_000_000
"""Nanoseconds a guest runs before the machine looks whether it is still wanted.

A loop that polls a device takes the host twenty times as long, and someone may be typing.
"""

LONGEST_SLEEP = 100_000_000
"""The same for a guest that waits for an interrupt."""

AFFINITY = 0
"""MPIDR_EL1 of the core, as the `reg` of its node writes it."""

ID_AA64PFR0_EL1 = (3, 0, 0, 4, 0)
ONLY_AARCH64, LEVELS = 0x1111, 0xFFFF
"""Its fields for EL0 to EL3."""
GIC_REGISTERS = 1 << 24
"""Its field that says that the GIC is reached by system registers."""

Pause = Callable[[int], int]
"""Waits so many nanoseconds of the host for something to come in; how many it waited."""


@dataclass(frozen=True)
class Start:
    """How the core starts: which ways of driving it, on which time, at which exception level."""

    engine: Choice = "auto"
    host_time: bool = False
    level: int = 1


class Guest:
    """The processor of a machine that runs real software, with `image` loaded and x0.. = `arguments`.

    It has what the board's nodes say: without one for PSCI its calls are UNDEFINED,
    without one for the timer the system counter stands still and CNTFRQ_EL0 is 0.
    BadInput for a board without a core, or with a PSCI `method` that does not exist
    or goes to a level that the program owns.
    """

    def __init__(
        self, machine: Machine, image: Image, arguments: tuple[int, ...], start: Start | None = None
    ) -> None:
        self._machine = machine
        self.pause: Pause | None = None
        self._asleep = False
        start = start or Start()
        tree = machine.tree
        _check_cores(tree, machine.remark)
        timer = next(iter(tree.compatible(TIMER)), None)
        try:
            self.cpu = Cpu(
                machine.bus,
                machine.clock,
                machine.remark,
                engine=start.engine,
                timer_frequency=timer.number("clock-frequency", TIMER_FREQUENCY) if timer else 0,
                psci=_conduit(tree, start.level),
                cache=machine.add_cache(ComparingCache),
                host_time=start.host_time,
                level=start.level,
            )
        except TooManyRegions as error:
            raise BadInput(f"the board has too many register blocks: {error}", tree.root.where) from error
        self._identity = self.cpu.read_system(ID_AA64PFR0_EL1) & ~LEVELS | ONLY_AARCH64
        self.cpu.registers.on_read(ID_AA64PFR0_EL1, lambda: self._identity)
        self._connect_registers()
        self.cpu.load(image)
        self.cpu.reset(image.entry, *arguments)
        if timer is not None:
            self._wire_timer(timer)
        machine.attach_processor(self)

    def set_irq(self, level: bool) -> None:
        self.cpu.set_irq(level)

    def run(self, until: int) -> StopReason | None:
        """Execute until `until`; waiting for an interrupt passes time. What stopped it for good, or None."""
        now = self._machine.clock.now
        reason = self.cpu.run(min(until, now + LONGEST_SLICE))
        self._asleep = reason is StopReason.WFI
        if reason is StopReason.TIME:
            return None
        if reason is StopReason.WFI:
            self._wait(min(until, now + LONGEST_SLEEP))
            return None
        return reason

    @property
    def asleep_for_ever(self) -> bool:
        """It waits for an interrupt, and nothing is on the agenda that could raise one."""
        return self._asleep and self._machine.clock.next_event() is None

    @property
    def locked_up_for_ever(self) -> bool:
        """Its vector faults itself, and nothing is on the agenda, such as a watchdog, that could end that."""
        return self.cpu.locked_up and self._machine.clock.next_event() is None

    def _wait(self, until: int) -> None:
        """Sleep to the next event, which may be nearer than `until` by now."""
        clock = self._machine.clock
        event = clock.next_event()
        end = until if event is None else min(event, until)
        if self.pause is not None and end > clock.now:
            end = clock.now + min(self.pause(end - clock.now), end - clock.now)
        clock.advance(end)

    def _connect_registers(self) -> None:
        """Models with registers inside the core, which says so in its identification."""
        for model in self._machine.models.values():
            if not isinstance(model, CpuInterface):
                continue
            for register, behaviour in model.cpu_registers.items():
                self.cpu.registers.define(register, behaviour)
            self._identity |= GIC_REGISTERS

    def _wire_timer(self, node: Node) -> None:
        for line, interrupt in zip(self.cpu.timer.lines, node.interrupts, strict=False):
            line.connect(self._machine.interrupt_input(node, interrupt.controller, interrupt.specifier))


def _check_cores(tree: Tree, remark: Callable[[str], None]) -> None:
    """BadInput without a core that the model can be; a remark for those it leaves out."""
    cores = tree.compatible(CORE)
    if not cores:
        raise BadInput(f"the board has no enabled {CORE} to run firmware on", tree.root.where)
    if cores[0].bus_reg and cores[0].bus_reg[0].address != AFFINITY:
        problem = f"reg of {cores[0].path} must be {AFFINITY}, the affinity in the core's MPIDR_EL1"
        raise BadInput(problem, cores[0].where)
    for core in cores[1:]:
        remark(f"{core.path} is not modelled: there is one core")


def _conduit(tree: Tree, level: int) -> Conduit | None:
    """By which instruction the board's PSCI is called; None without PSCI."""
    for node in tree.compatible(*PSCI):
        found = node.strings("method")
        for conduit in CALLS.values():
            if found != (conduit,):
                continue
            if CALL_LEVEL[conduit] <= level:
                problem = (
                    f"{conduit} goes to EL{CALL_LEVEL[conduit]}, which is the program's own at EL{level}"
                )
                raise BadInput(f"{node.path}: {problem}: start lower, or leave the node out", node.where)
            return conduit
        raise BadInput(f"method of {node.path} must be hvc or smc", node.where)
    return None
