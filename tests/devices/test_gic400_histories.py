"""GIC-400: random histories against a model written apart, and accesses of any kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from devices.gic400.regs import CPU_INTERFACE, DISTRIBUTOR
from tests.devices.gic400_bench import SPURIOUS, Bench

IDS = (0, 5, 27, 32, 33, 41, 159)


@dataclass
class Source:
    """One interrupt, told as a story rather than as bitmaps."""

    id: int
    line: bool = False
    remembered: bool = False
    active: bool = False
    enabled: bool = False
    edge: bool = False
    priority: int = 0

    @property
    def pending(self) -> bool:
        return self.remembered or (self.line and not self.edge)


class Reference:
    """Group 0 only: a list of sources and a stack of the priorities in service."""

    def __init__(self) -> None:
        self.sources = {i: Source(i, enabled=i < 16, edge=i < 16) for i in IDS}
        self.stack: list[int] = []
        self.mask, self.point, self.split, self.on = 0, 2, False, False

    def group_priority(self, priority: int) -> int:
        size = 2 ** (self.point + 1)
        return priority // size * size

    @property
    def running(self) -> int:
        return self.stack[-1] if self.stack else 0xFF

    def highest(self) -> Source | None:
        waiting = [s for s in self.sources.values() if s.pending and s.enabled and not s.active]
        return sorted(waiting, key=lambda s: (s.priority, s.id))[0] if waiting else None

    def deliverable(self) -> Source | None:
        best = self.highest()
        if best is None or not self.on or best.priority >= self.mask:
            return None
        return best if self.group_priority(best.priority) < self.running else None

    def acknowledge(self) -> int:
        best = self.deliverable()
        if best is None:
            return SPURIOUS
        best.active, best.remembered = True, False
        self.stack.append(self.group_priority(best.priority))
        return best.id

    def end(self, interrupt: int) -> None:
        source = self.sources[interrupt]
        if source.active:
            if self.stack:
                self.stack.pop()
            source.active = self.split


ids = st.sampled_from(IDS)
wired = st.sampled_from([i for i in IDS if i >= 16])
spis = st.sampled_from([i for i in IDS if i >= 32])


class Histories(RuleBasedStateMachine):
    """Anything software and devices do, in any order; after each step both models agree."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.reference = Reference()
        self.lines = {
            i: self.bench.gic.input((0, i - 32, 4) if i >= 32 else (1, i - 16, 4)) for i in IDS if i >= 16
        }
        self.bench.set_d("CTLR", 1)

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

    @rule(interrupt=wired, on=st.booleans())
    def enable(self, interrupt: int, on: bool) -> None:
        name = "ISENABLER" if on else "ICENABLER"
        self.bench.set_d(name, 1 << interrupt % 32, interrupt // 32)
        self.reference.sources[interrupt].enabled = on

    @rule(interrupt=spis, edge=st.booleans())
    def configure(self, interrupt: int, edge: bool) -> None:
        self.bench.edge(interrupt, edge)
        self.reference.sources[interrupt].edge = edge

    @rule(interrupt=ids, pending=st.booleans())
    def software_pending(self, interrupt: int, pending: bool) -> None:
        if interrupt < 16:
            name = "SPENDSGIR" if pending else "CPENDSGIR"
            self.bench.set_d(name, 1 << 8 * (interrupt % 4), interrupt // 4)
        else:
            name = "ISPENDR" if pending else "ICPENDR"
            self.bench.set_d(name, 1 << interrupt % 32, interrupt // 32)
        self.reference.sources[interrupt].remembered = pending

    @rule(mask=st.sampled_from([0, 0x40, 0x80, 0xC0, 0xF8, 0xFF]))
    def set_mask(self, mask: int) -> None:
        self.bench.set_c("PMR", mask)
        self.reference.mask = mask // 8 * 8

    @rule(point=st.integers(0, 7))
    def set_point(self, point: int) -> None:
        self.bench.set_c("BPR", point)
        self.reference.point = max(point, 2)

    @rule(on=st.booleans(), split=st.booleans())
    def switch(self, on: bool, split: bool) -> None:
        self.bench.set_c("CTLR", on + 0x200 * split)
        self.reference.on, self.reference.split = on, split

    @rule(interrupt=ids, distance=st.sampled_from([0, 8, 16, 64]))
    def preempt(self, interrupt: int, distance: int) -> None:
        """Make nesting common: an interrupt a little more urgent than what runs."""
        self.set_mask(0xFF)
        self.switch(True, self.reference.split)
        if interrupt >= 16:
            self.enable(interrupt, True)
        self.set_priority(interrupt, max(self.reference.running - distance, 0))
        self.software_pending(interrupt, True)
        self.acknowledge()

    @rule()
    def acknowledge(self) -> None:
        assert self.bench.c("IAR") == self.reference.acknowledge()

    @rule(interrupt=ids)
    def end(self, interrupt: int) -> None:
        self.bench.set_c("EOIR", interrupt)
        self.reference.end(interrupt)

    @rule(interrupt=ids)
    def deactivate(self, interrupt: int) -> None:
        self.bench.set_c("DIR", interrupt)
        if self.reference.split:
            self.reference.sources[interrupt].active = False

    @invariant()
    def agree(self) -> None:
        bench, reference = self.bench, self.reference
        highest = reference.highest()
        assert bench.irq == (reference.deliverable() is not None)
        assert bench.c("RPR") == reference.running
        assert bench.c("HPPIR") == (highest.id if highest and reference.on else SPURIOUS)
        for source in reference.sources.values():
            word, bit = divmod(source.id, 32)
            assert bench.d("ISPENDR", word) >> bit & 1 == source.pending
            assert bench.d("ISACTIVER", word) >> bit & 1 == source.active
            assert bench.d("ISENABLER", word) >> bit & 1 == source.enabled


Histories.TestCase.settings = settings(max_examples=120, stateful_step_count=50)
TestHistories = Histories.TestCase

tables = st.sampled_from([(0, DISTRIBUTOR), (1, CPU_INTERFACE)])
known = tables.flatmap(
    lambda pair: st.tuples(st.just(pair[0]), st.sampled_from([row.offset for row in pair[1].registers]))
)
anywhere = st.one_of(
    known, st.tuples(st.just(0), st.integers(0, 0xFF8)), st.tuples(st.just(1), st.integers(0, 0x1FF8))
)
access = st.tuples(anywhere, st.sampled_from([1, 2, 4, 8]), st.integers(0, 2**64 - 1))


@settings(max_examples=60)
@given(st.lists(st.one_of(access, st.integers(0, 127)), max_size=60))
def test_no_guest_access_raises(sequence: list[Any]) -> None:
    bench = Bench()
    lines = [bench.gic.input((0, number, 4)) for number in range(128)]
    for item in sequence:
        if isinstance(item, int):
            lines[item](not bench.d("SPISR", item // 32) >> item % 32 & 1)
            continue
        (half, offset), size, value = item
        target = bench.gic.targets[half]
        target.write(offset, size, value)
        assert 0 <= target.read(offset, size) < 1 << 8 * size
