"""One AArch64 core of the machine, on virtual time.

An instruction takes a fixed number of nanoseconds, so time is a count of
instructions and two runs of one input are the same run (or, with `host_time`,
as many nanoseconds as the host took). The core runs in slices: from one event
of the clock to the next, cut short when an interrupt rises or a model puts an
earlier event on the agenda.

Not modelled: timing of caches, several cores, debug and performance monitors,
trapping of floating point (CPACR_EL1), AArch32, Secure EL1.
"""

from __future__ import annotations

from collections.abc import Callable

from soc.address import PhysAddr, VirtAddr
from soc.bus import Bus
from soc.clock import Clock
from soc.cpu.budget import LARGEST
from soc.cpu.code_cache import InstructionCache
from soc.cpu.data_cache import DataCache
from soc.cpu.engine import Engine
from soc.cpu.entry import BANKS
from soc.cpu.exceptions import Exceptions, Taken
from soc.cpu.holes import ABORTS, Holes
from soc.cpu.image import Image
from soc.cpu.psci import Conduit, Psci
from soc.cpu.stops import Stops
from soc.cpu.timer import GenericTimer
from soc.cpu.watch import Touch, Watches
from soc.cpu.ways import Choice, choose
from soc.cpu.windows import BusWindows
from soc.memory.cache.comparing import ComparingCache
from soc.processor import StopReason
from soc.registers import SystemRegister

TIMER_FREQUENCY = 62_500_000
"""CNTFRQ_EL0: 16 ns per tick."""


class Cpu:
    """The core. Windows attached to `bus` later than this are not seen.

    `start` is where it begins after power-on (the first bank if None), `log`
    takes one line, `ns_per_instruction` is at least 1 and of no account with `host_time`.
    `psci` is the instruction that firmware answers PSCI calls by, at a level above the
    program's; the other one, and both if None, are UNDEFINED.
    `cache` is the core's data cache where a master of the bus does not see into it.
    `level` is the exception level it starts at; the program owns those up to it.
    `locked_up` is whether the last slice ended at a vector that faults itself.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        log: Callable[[str], None],
        start: PhysAddr | None = None,
        *,
        engine: Choice = "auto",
        ns_per_instruction: int = 1,
        timer_frequency: int = TIMER_FREQUENCY,
        psci: Conduit | None = None,
        cache: ComparingCache | None = None,
        host_time: bool = False,
        level: int = 1,
    ) -> None:
        self.bus = bus
        self.clock = clock
        self._ns = 1 if host_time else ns_per_instruction
        self._core = Engine(level)
        self._stops = Stops(self._core, log)
        self._ways = ways = choose(self._core, bus, engine, self._stops.fail, host_time)
        self._budget = ways.budget
        self._stops.cut = self._budget.cut
        self._line = ways.line
        self.registers = registers = ways.registers
        self._instruction_cache = InstructionCache(self._core, registers, ways.code, self._budget.cut)
        self.timer = GenericTimer(self._core, registers, clock, timer_frequency, self._charge)
        self._watches = Watches(self._core, bus, clock, ways.locator)
        self._data_cache: DataCache | None = None
        if cache is not None:
            parts = ways.locator, self._watches, self._budget.cut
            self._data_cache = DataCache(self._core, registers, cache, *parts)
        for bank in bus.dram.banks:
            self._core.map_memory(bank.base, bank.size, bank.host_pointer)
        self._holes = Holes(self._core, bus.dram, log)
        self._windows = BusWindows(self._core, bus, self._holes, self._stops)
        self._exceptions = Exceptions(
            self._core,
            ways.entry,
            Psci(self._core, psci, 0, self._stops.power),
            level,
            budget=self._budget,
            holes=self._holes,
            stops=self._stops,
            now=lambda: clock.now,
        )
        self._irq = False
        self.locked_up = False
        self._until = self._slice_start = 0
        self._pc: int = start if start is not None else bus.dram.banks[0].base

    # --- public ------------------------------------------------------------

    @property
    def engine(self) -> str:
        """Which ways of driving the engine were chosen, in one line."""
        return self._ways.describe()

    @property
    def pc(self) -> VirtAddr:
        """Address of the next instruction."""
        return VirtAddr(self._pc)

    @property
    def exceptions(self) -> tuple[Taken, ...]:
        """The latest exceptions that were no calls, oldest first."""
        return tuple(self._exceptions.last)

    @property
    def exception_level(self) -> int:
        return self._core.exception_level()

    @property
    def syndrome(self) -> int:
        """ESR of the present level; 0 at EL0, which has none."""
        level = self._core.exception_level()
        return self._core.read(BANKS[level].esr) if level else 0

    def read_system(self, register: SystemRegister) -> int:
        """A system register by (op0, op1, CRn, CRm, op2), as the engine has it."""
        return self._core.read_system(register)

    def x(self, number: int) -> int:
        """General register x0 .. x30."""
        return self._core.x(number)

    def set_irq(self, level: bool) -> None:
        """The interrupt input. May be called at any time, also from inside a model."""
        if level != self._irq:
            self._irq = level
            self._line.set(level)
            if level:
                self._budget.cut()

    def load(self, image: Image) -> None:
        """Put `image` into DRAM and make its entry the start. BadInput if it does not fit."""
        image.place(self.bus.dram)
        self._core.flush_code()
        self._pc = image.entry

    def reset(self, entry: PhysAddr, *arguments: int) -> None:
        """Power-on state at `entry` with x0, x1 .. = `arguments`; DRAM stays as it is."""
        self._core.power_on_state()
        for number, value in enumerate(arguments):
            self._core.set_x(number, value)
        self.timer.reset()
        if self._data_cache is not None:
            self._data_cache.reset()
        self._exceptions.reset()
        self._line.restore()
        self._stops.reason = None
        self._pc = entry

    def watch(self, base: PhysAddr, size: int, name: str) -> None:
        """Record every touch of whole pages [base, base + size) of DRAM. Not from inside a model."""
        self._watches.watch(base, size, name)

    def unwatch(self, base: PhysAddr) -> None:
        """End the watch that starts at `base`; what it saw stays in `touches`."""
        self._watches.unwatch(base)

    @property
    def touches(self) -> list[Touch]:
        """What the program did to watched ranges, by time of the first access."""
        return self._watches.touches()

    def run(self, until: int) -> StopReason:
        """Execute until virtual time `until` (ns), or an earlier event put on the agenda meanwhile.

        WFI with no interrupt pending returns at once and again until one is.
        An exception of a model comes out of here, after the block it was in.
        """
        self._until = until
        outer, self.clock.on_earlier = self.clock.on_earlier, self._trim
        try:
            while self.clock.now < self._until:
                if self._stops.reason is StopReason.WFI and self._irq:
                    self._stops.reason = None
                if self._stops.reason is None:
                    self._slice()
                if self._stops.reason is not None:
                    return self._stops.reason
            return StopReason.TIME
        finally:
            self.clock.on_earlier = outer
            self._watches.book()

    # --- slices ------------------------------------------------------------

    def _slice(self) -> None:
        """Run the engine once and account for the time it took."""
        budget = self._budget
        start = self._slice_start = self.clock.now
        instructions = min((self._until - start) // self._ns, LARGEST)
        if not instructions:
            self.clock.advance(self._until)
            return
        if self._data_cache is not None:
            self._data_cache.update_windows()
        budget.grant(instructions)
        self.clock.progress = lambda: budget.spent * self._ns
        try:
            error = self._core.start(self._pc)
            budget.settle()
            asleep = self._settle(error) and not budget.exhausted and not self._irq
        finally:
            self.clock.progress = None
        used = max(budget.used, budget.granted) if self._exceptions.locked_up else budget.used
        self.clock.advance(start + used * self._ns)
        self.locked_up, self._exceptions.locked_up = self._exceptions.locked_up, False
        self._instruction_cache.settle()
        self._stops.raise_failure()
        if asleep:
            self._stops.reason = StopReason.WFI

    def _settle(self, error: int) -> bool:
        """Deal with what stopped the engine; True if that was nothing but WFI or the budget."""
        self._pc = self._core.pc
        if (write := self._stops.take_abort()) is not None:
            self._pc = self._exceptions.external_abort(self._pc, write)
        elif error in ABORTS:
            self._pc = self._exceptions.external_abort(self._pc, ABORTS[error])
        elif error:
            self._stops.stuck(f"cpu: the engine gave up at {self._pc:#x} with error {error}")
        else:
            return not (self._exceptions.locked_up or self._stops.pending)
        return False

    def _charge(self, nanoseconds: int) -> None:
        """Let time pass that no instruction is counted for."""
        self._budget.charge(nanoseconds // self._ns)

    def _trim(self, when: int) -> None:
        """An event was put at `when`: the slice must not run past it."""
        if when < self._until:
            self._until = when
            self._budget.limit((when - self._slice_start) // self._ns)
