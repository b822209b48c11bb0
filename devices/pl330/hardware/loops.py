"""Counted loops of loads and stores, recognised so that they run as a whole.

The body may load and store (or store zeros), place barriers and no-operations,
and contain counted loops of the same kind. Then all its loads are one range of
memory and all its stores another, whatever the number of iterations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devices.pl330.isa import Condition, Instruction, Op


@dataclass(frozen=True)
class Shape:
    """The bursts a body is made of: bytes and beats of a load and of a store."""

    load_bytes: int
    load_beats: int
    store_bytes: int
    store_beats: int


@dataclass(frozen=True)
class Run:
    """One iteration. `level` is what it leaves in the MFIFO, in bytes relative to what it
    found, `low` and `high` how far that went in between; `counters` are those of inner loops,
    which end at zero."""

    loaded: int = 0
    stored: int = 0
    zeroed: int = 0
    cycles: int = 0
    level: int = 0
    low: int = 0
    high: int = 0
    counters: frozenset[int] = frozenset()

    def then(self, other: Run, times: int = 1) -> Run:
        """This and, after it, `times` iterations of `other`."""
        drift = other.level * (times - 1)
        return Run(
            self.loaded + other.loaded * times,
            self.stored + other.stored * times,
            self.zeroed + other.zeroed * times,
            self.cycles + other.cycles * times,
            self.level + other.level * times,
            min(self.low, self.level + other.low + min(drift, 0)),
            max(self.high, self.level + other.high + max(drift, 0)),
            self.counters | other.counters,
        )

    @property
    def movable(self) -> bool:
        """Whether iterations can be moved as one: what is loaded is stored, or zeros are."""
        if self.level:
            return False
        return bool(self.zeroed) if not self.loaded else not self.zeroed


def analyse(code: Mapping[int, Instruction], end: int, shape: Shape) -> Run | None:
    """One iteration of the loop whose unconditional DMALPEND is at `end`; None if it is of another kind.

    `code` has the instructions that were executed before, by address.
    """
    last = code[end]
    body = _body(code, end - last.value, end, shape)
    if body is None or last.number in body.counters or not body.movable:
        return None
    return body.then(Run(cycles=1))


def _body(code: Mapping[int, Instruction], start: int, end: int, shape: Shape) -> Run | None:
    run = Run()
    pc = start
    while pc < end:
        instruction = code.get(pc)
        step = _step(instruction, shape)
        if instruction is None:
            return None
        if instruction.op is Op.LP:
            inner = _inner_loop(code, pc, end, shape)
            if inner is None:
                return None
            run, pc = run.then(inner[0]), inner[1]
        elif step is None:
            return None
        else:
            run, pc = run.then(step), pc + instruction.size
    return run if pc == end else None


def _step(instruction: Instruction | None, shape: Shape) -> Run | None:
    if instruction is None or instruction.condition is not Condition.ALWAYS:
        return None
    match instruction.op:
        case Op.LD:
            size = shape.load_bytes
            return Run(loaded=size, cycles=1 + shape.load_beats, level=size, high=size)
        case Op.ST:
            size = shape.store_bytes
            return Run(stored=size, cycles=1 + shape.store_beats, level=-size, low=-size)
        case Op.STZ:
            return Run(zeroed=shape.store_bytes, cycles=1 + shape.store_beats)
        case Op.RMB | Op.WMB | Op.NOP:
            return Run(cycles=1)
    return None


def _inner_loop(
    code: Mapping[int, Instruction], start: int, limit: int, shape: Shape
) -> tuple[Run, int] | None:
    """The whole of the loop whose DMALP is at `start`, and the address behind it."""
    begin = code[start]
    first = start + begin.size
    pc = first
    while pc < limit:
        instruction = code.get(pc)
        if instruction is None:
            return None
        closes = instruction.op is Op.LPEND and instruction.number == begin.number
        if closes:
            if instruction.flag or instruction.condition is not Condition.ALWAYS:
                return None
            if pc - instruction.value != first:
                return None
            body = _body(code, first, pc, shape)
            if body is None or begin.number in body.counters:
                return None
            body = body.then(Run(cycles=1))
            whole = Run(cycles=1, counters=frozenset((begin.number,))).then(body, begin.value)
            return whole, pc + instruction.size
        pc += instruction.size
    return None
