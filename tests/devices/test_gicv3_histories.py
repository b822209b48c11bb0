"""GICv3: random histories against a model written apart, and accesses of any kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from devices.gicv3.regs import CPU_INTERFACE, DISTRIBUTOR, REDISTRIBUTOR
from tests.devices.gicv3_bench import SPURIOUS, Bench

IDS = (0, 5, 27, 32, 33, 41, 255)
ANY_CPU = 1 << 31


@dataclass
class Source:
    """One interrupt, told as a story rather than as bitmaps."""

    id: int
    edge: bool
    line: bool = False
    remembered: bool = False
    active: bool = False
    enabled: bool = False
    group: int = 0
    priority: int = 0
    route: int = 0

    @property
    def pending(self) -> bool:
        return self.remembered or (self.line and not self.edge)

    @property
    def mine(self) -> bool:
        return self.route in (0, ANY_CPU)


@dataclass
class Service:
    """An acknowledged interrupt whose end has not come."""

    id: int
    group: int
    priority: int


class Reference:
    """A list of sources, and a stack of what is in service."""

    def __init__(self) -> None:
        self.sources = {i: Source(i, edge=i < 16) for i in IDS}
        self.stack: list[Service] = []
        self.mask, self.points, self.shared, self.split = 0, [2, 3], False, False
        self.distributor, self.interface, self.asleep = {0, 1}, {0, 1}, False

    def group_priority(self, priority: int, group: int) -> int:
        size = 2 ** (self.points[1] if group and not self.shared else self.points[0] + 1)
        return priority // size * size

    @property
    def running(self) -> int:
        return self.stack[-1].priority if self.stack else 0xFF

    def highest(self) -> Source | None:
        if self.asleep:
            return None
        on = self.distributor & self.interface
        waiting = [
            s
            for s in self.sources.values()
            if s.pending and s.enabled and s.mine and not s.active and s.group in on
        ]
        return sorted(waiting, key=lambda s: (s.priority, s.id))[0] if waiting else None

    def deliverable(self) -> Source | None:
        best = self.highest()
        if best is None or best.priority >= self.mask:
            return None
        if not self.stack:
            return best
        mine, theirs = (self.group_priority(p, best.group) for p in (best.priority, self.running))
        return best if mine < theirs else None

    def acknowledge(self, group: int) -> int:
        best = self.deliverable()
        if best is None or best.group != group:
            return SPURIOUS
        best.active, best.remembered = True, False
        self.stack.append(Service(best.id, group, self.group_priority(best.priority, group)))
        return best.id


ids = st.sampled_from(IDS)
wired = st.sampled_from([i for i in IDS if i >= 16])
spis = st.sampled_from([i for i in IDS if i >= 32])
groups = st.sampled_from([0, 1])
some_groups = st.sampled_from([set(), {0}, {1}, {0, 1}, {0, 1}, {0, 1}])


class Histories(RuleBasedStateMachine):
    """Anything software and devices do, in any order; after each step both models agree."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = bench = Bench()
        self.reference = Reference()
        self.lines = {
            i: bench.gic.input((0, i - 32, 4) if i >= 32 else (1, i - 16, 4)) for i in IDS if i >= 16
        }
        self.switch_distributor({0, 1})
        self.switch_interface({0, 1})
        self.sleep(False)

    @rule(interrupt=wired, level=st.booleans())
    def line(self, interrupt: int, level: bool) -> None:
        self.lines[interrupt](level)
        source = self.reference.sources[interrupt]
        if level and not source.line and source.edge:
            source.remembered = True
        source.line = level

    @rule(interrupt=ids, value=st.integers(0, 255))
    def set_priority(self, interrupt: int, value: int) -> None:
        self.bench.priority(interrupt, value)
        self.reference.sources[interrupt].priority = value // 8 * 8

    @rule(interrupt=ids, on=st.booleans())
    def enable(self, interrupt: int, on: bool) -> None:
        self.bench.poke("ISENABLER" if on else "ICENABLER", interrupt)
        self.reference.sources[interrupt].enabled = on

    @rule(interrupt=wired, edge=st.booleans())
    def configure(self, interrupt: int, edge: bool) -> None:
        self.bench.edge(interrupt, edge)
        self.reference.sources[interrupt].edge = edge

    @rule(interrupt=ids, group=groups)
    def set_group(self, interrupt: int, group: int) -> None:
        self.bench.group(interrupt, group)
        self.reference.sources[interrupt].group = group

    @rule(interrupt=spis, route=st.sampled_from([0, 0, ANY_CPU, 1, 0x100]))
    def set_route(self, interrupt: int, route: int) -> None:
        self.bench.set_d("IROUTER", route, interrupt - 32)
        self.reference.sources[interrupt].route = route

    @rule(interrupt=ids, pending=st.booleans())
    def software_pending(self, interrupt: int, pending: bool) -> None:
        self.bench.poke("ISPENDR" if pending else "ICPENDR", interrupt)
        self.reference.sources[interrupt].remembered = pending

    @rule(interrupt=ids, active=st.booleans())
    def software_active(self, interrupt: int, active: bool) -> None:
        self.bench.poke("ISACTIVER" if active else "ICACTIVER", interrupt)
        self.reference.sources[interrupt].active = active

    @rule(register=st.sampled_from(["SGI0R_EL1", "SGI1R_EL1", "ASGI1R_EL1"]), here=st.booleans())
    def send(self, register: str, here: bool) -> None:
        self.bench.write(register, 5 << 24 | (1 if here else 2))
        if here and (register == "SGI1R_EL1" or not self.reference.sources[5].group):
            self.reference.sources[5].remembered = True

    @rule(mask=st.sampled_from([0, 0x40, 0x80, 0xC0, 0xF8, 0xFF]))
    def set_mask(self, mask: int) -> None:
        self.bench.write("PMR_EL1", mask)
        self.reference.mask = mask // 8 * 8

    @rule(group=groups, point=st.integers(0, 7))
    def set_point(self, group: int, point: int) -> None:
        self.bench.write(f"BPR{group}_EL1", point)
        if not (group and self.reference.shared):
            self.reference.points[group] = max(point, 2 + group)

    @rule(shared=st.booleans(), split=st.booleans())
    def control(self, shared: bool, split: bool) -> None:
        self.bench.write("CTLR_EL1", shared + 2 * split)
        self.reference.shared, self.reference.split = shared, split

    @rule(on=some_groups)
    def switch_distributor(self, on: set[int]) -> None:
        self.bench.set_d("CTLR", sum(1 << group for group in on))
        self.reference.distributor = on

    @rule(on=some_groups)
    def switch_interface(self, on: set[int]) -> None:
        for group in range(2):
            self.bench.write(f"IGRPEN{group}_EL1", group in on)
        self.reference.interface = on

    @rule(asleep=st.sampled_from([False, False, True]))
    def sleep(self, asleep: bool) -> None:
        self.bench.set_r("WAKER", 2 * asleep)
        self.reference.asleep = asleep

    @rule(interrupt=ids, distance=st.sampled_from([0, 8, 16, 64]))
    def preempt(self, interrupt: int, distance: int) -> None:
        """Make nesting common: an interrupt a little more urgent than what runs."""
        self.set_mask(0xFF)
        self.enable(interrupt, True)
        self.set_priority(interrupt, max(self.reference.running - distance, 0))
        self.software_pending(interrupt, True)
        self.acknowledge(self.reference.sources[interrupt].group)

    @rule(group=groups)
    def acknowledge(self, group: int) -> None:
        assert self.bench.ack(group) == self.reference.acknowledge(group)

    @rule()
    def end(self) -> None:
        """Software ends what it acknowledged last, as the architecture asks of it."""
        if self.reference.stack:
            service = self.reference.stack.pop()
            self.bench.end(service.id, service.group)
            if not self.reference.split:
                self.reference.sources[service.id].active = False

    @rule(interrupt=ids)
    def deactivate(self, interrupt: int) -> None:
        self.bench.write("DIR_EL1", interrupt)
        if self.reference.split:
            self.reference.sources[interrupt].active = False

    @invariant()
    def agree(self) -> None:
        bench, reference = self.bench, self.reference
        highest, next_one = reference.highest(), reference.deliverable()
        assert (bench.fiq, bench.irq) == tuple(next_one is not None and next_one.group == g for g in range(2))
        assert bench.running == reference.running
        for group in range(2):
            mine = highest is not None and highest.group == group
            assert bench.read(f"HPPIR{group}_EL1") == (highest.id if highest and mine else SPURIOUS)
            levels = {service.priority >> 3 for service in reference.stack if service.group == group}
            assert bench.read(f"AP{group}R0_EL1") == sum(1 << level for level in levels)
        for source in reference.sources.values():
            names = ("ISPENDR", "ISACTIVER", "ISENABLER")
            seen = tuple(bench.bit(name, source.id) for name in names)
            assert seen == (source.pending, source.active, source.enabled)


Histories.TestCase.settings = settings(max_examples=120, stateful_step_count=50)
TestHistories = Histories.TestCase

tables = st.sampled_from([(0, DISTRIBUTOR), (1, REDISTRIBUTOR)])
known = tables.flatmap(
    lambda pair: st.tuples(st.just(pair[0]), st.sampled_from([row.offset for row in pair[1].registers]))
)
anywhere = st.one_of(
    known, st.tuples(st.just(0), st.integers(0, 0xFFF8)), st.tuples(st.just(1), st.integers(0, 0x1_FFF8))
)
access = st.tuples(anywhere, st.sampled_from([1, 2, 4, 8]), st.integers(0, 2**64 - 1))
system = st.tuples(st.sampled_from(CPU_INTERFACE.registers), st.integers(0, 2**64 - 1))


@settings(max_examples=80)
@given(st.lists(st.one_of(access, system, st.integers(0, 223)), max_size=60))
def test_no_guest_access_raises(sequence: list[Any]) -> None:
    bench = Bench()
    lines = {
        number: bench.gic.input((0, number, 4)) for number in {i for i in sequence if isinstance(i, int)}
    }
    levels = dict.fromkeys(lines, False)
    registers = {register.name: register for register in bench.gic.cpu_registers.values()}
    for item in sequence:
        if isinstance(item, int):
            levels[item] = not levels[item]
            lines[item](levels[item])
        elif len(item) == 3:
            (half, offset), size, value = item
            target = bench.gic.targets[half]
            target.write(offset, size, value)
            assert 0 <= target.read(offset, size) < 1 << 8 * size
        else:
            register = registers[item[0].name]
            if register.write:
                register.write(item[1])
            if register.read:
                assert 0 <= register.read() < 1 << 32


def test_accesses_of_every_size_at_every_offset_are_answered() -> None:
    bench = Bench()
    for target, span in zip(bench.gic.targets, (0x1_0000, 0x2_0000), strict=True):
        for size in (1, 2, 4, 8):
            for offset in range(0, span, size):
                target.write(offset, size, (1 << 8 * size) - 1)
                assert 0 <= target.read(offset, size) < 1 << 8 * size
