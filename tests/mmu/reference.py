"""One address at a time: a plain reading of the VMSAv8-64 rules, both stages, every granule.

Source: ARM DDI 0487, D8.2 (walk), D8.3 (descriptors), D8.4 (permissions), D8.5
(hardware update), D8.14 (faults). Shares nothing with the walker it judges but
the record that says what to walk.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from soc.mmu.vmsa import Regime

LOWEST_BIT = {
    12: {0: 39, 1: 30, 2: 21, 3: 12},
    14: {0: 47, 1: 36, 2: 25, 3: 14},
    16: {1: 42, 2: 29, 3: 16},
}
# the largest T0SZ that starts at each level
START = {
    12: ((24, 0), (33, 1), (42, 2)),
    14: ((16, 0), (27, 1), (38, 2), (49, 3)),
    16: ((21, 1), (34, 2), (47, 3)),
}
BLOCKS = {12: (1, 2), 14: (2,), 16: (2,)}
# bytes that the descriptors of a contiguous group map together
GROUP = {
    (12, 1): 16 << 30,
    (12, 2): 32 << 20,
    (12, 3): 64 << 10,
    (14, 2): 1 << 30,
    (14, 3): 2 << 20,
    (16, 2): 16 << 30,
    (16, 3): 2 << 20,
}
ALL = frozenset({"r", "w", "x", "R", "W", "X"})
"""Unprivileged in small letters, privileged in capitals."""


class Memory(Protocol):
    """Physical memory: None, or False, where nothing answers."""

    def word(self, address: int) -> int | None: ...

    def store(self, address: int, word: int) -> bool: ...


@dataclass(frozen=True)
class Result:
    """`fault` is empty for a translation; `fetch` is where an external abort happened."""

    fault: str = ""
    stage: int = 1
    table: bool = False
    ipa: int | None = None
    fetch: int | None = None
    address: int = 0
    rights: frozenset[str] = frozenset()
    rights1: frozenset[str] = ALL
    size: int = 0
    global_: bool = True
    attributes: int = 0


class Fault(Exception):
    def __init__(self, result: Result) -> None:
        self.result = result


@dataclass
class Plain:
    """Descriptors at physical addresses."""

    memory: Memory
    stage: int

    def read(self, address: int) -> int:
        word = self.memory.word(address)
        if word is None:
            raise Fault(Result("external abort", self.stage, fetch=address))
        return word

    def update(self, address: int, word: int) -> None:
        if not self.memory.store(address, word):
            raise Fault(Result("external abort", self.stage, fetch=address))


@dataclass
class Through:
    """Stage-1 descriptors, at the addresses stage 2 gives them."""

    memory: Memory
    regime: Regime
    plain: Plain = field(init=False)

    def __post_init__(self) -> None:
        self.plain = Plain(self.memory, 1)

    def read(self, address: int) -> int:
        return self.plain.read(self.place(address, write=False))

    def update(self, address: int, word: int) -> None:
        self.plain.update(self.place(address, write=True), word)

    def place(self, address: int, write: bool) -> int:
        found = walk(self.memory, self.regime, address, write)
        page = address >> 12 << 12
        if found.fault:
            raise Fault(replace(found, table=True, ipa=page))
        forbidden = ("W" if write else "R") not in found.rights
        if forbidden or (self.regime.protected_walk and found.attributes & 0b1111 < 4):
            raise Fault(Result("permission", 2, True, page))
        return found.address


def walk(
    memory: Memory, regime: Regime, address: int, write: bool = False, privileged: bool = False
) -> Result:
    """One stage, of an access that is a data read or write."""
    try:
        return _walk(Plain(memory, regime.stage), regime, address, write, privileged)
    except Fault as fault:
        return fault.result


def nested(
    memory: Memory,
    stage1: Regime,
    stage2: Regime,
    address: int,
    write: bool = False,
    privileged: bool = False,
) -> Result:
    """Both stages."""
    try:
        first = _walk(Through(memory, stage2), stage1, address, write, privileged)
    except Fault as fault:
        return fault.result
    wanted = ("W" if privileged else "w") if write else ("R" if privileged else "r")
    second = walk(memory, stage2, first.address, write and wanted in first.rights)
    ipa = first.address >> 12 << 12
    if second.fault:
        return replace(second, ipa=ipa)
    return replace(
        first,
        address=second.address,
        ipa=ipa,
        rights=first.rights & second.rights,
        size=first.size,
    )


def first_level(regime: Regime) -> int:
    """The level of the initial lookup."""
    if regime.start_level is not None:
        return regime.start_level
    return next(level for largest, level in START[int(regime.granule)] if regime.t0sz <= largest)


def _walk(tables: Plain | Through, regime: Regime, address: int, write: bool, privileged: bool) -> Result:
    granule, stage, bits = int(regime.granule), regime.stage, 64 - regime.t0sz
    if address >> bits != (((1 << 64) - 1) >> bits if regime.high else 0):
        raise Fault(Result("translation", stage))
    offset = address & ((1 << bits) - 1)
    level = first_level(regime)
    lowest = LOWEST_BIT[granule]
    index_bits = bits - lowest[level]
    table = regime.table >> (index_bits + 3) << (index_bits + 3)
    if table >> regime.output_bits:
        raise Fault(Result("address size", stage))
    limits = {"el0": True, "write": True, "uxn": False, "pxn": False}
    while True:
        fetch = table + 8 * ((offset >> lowest[level]) & ((1 << index_bits) - 1))
        word = tables.read(fetch)
        kind = word & 0b11
        if kind in (0b00, 0b10) or (kind == 0b01 and level not in BLOCKS[granule]):
            raise Fault(Result("translation", stage))
        leaf = level == 3 or kind == 0b01
        low = lowest[level] if leaf else granule
        target = (word & 0x0000_FFFF_FFFF_FFFF) >> low << low
        if target >> regime.output_bits:
            raise Fault(Result("address size", stage))
        if leaf:
            break
        if stage == 1 and regime.hierarchical:
            limits["el0"] &= not word >> 61 & 1
            limits["write"] &= not word >> 62 & 1
            limits["uxn"] |= bool(word >> 60 & 1)
            limits["pxn"] |= bool(word >> 59 & 1)
        table, level, index_bits = target, level + 1, granule - 3
    new = word
    if not word >> 10 & 1:
        if regime.update_access:
            new |= 1 << 10
        elif regime.access_flag_fault:
            raise Fault(Result("access flag", stage))
    managed = regime.update_access and regime.update_dirty and bool(word >> 51 & 1)
    if stage == 1:
        rights, new = _stage1(regime, word, new, managed, limits, write, privileged)
        attributes = (word >> 2 & 7) | (word >> 8 & 3) << 3
    else:
        rights, new = _stage2(word, new, managed, write)
        attributes = (word >> 2 & 15) | (word >> 8 & 3) << 4
    if new != word:
        tables.update(fetch, new)
    return Result(
        stage=stage,
        address=target | offset & ((1 << low) - 1),
        rights=frozenset(rights),
        rights1=frozenset(rights) if stage == 1 else ALL,
        size=GROUP[granule, level] if word >> 52 & 1 else 1 << low,
        global_=stage == 2 or not word >> 11 & 1,
        attributes=attributes,
    )


def _stage1(
    regime: Regime, word: int, new: int, managed: bool, limits: dict[str, bool], write: bool, privileged: bool
) -> tuple[str, int]:
    user = bool(word >> 6 & 1) and limits["el0"]
    read_only = bool(word >> 7 & 1)
    may_be_written = limits["write"] and (managed or not read_only)
    if write and may_be_written and read_only and (user or privileged):
        new &= ~(1 << 7)
        read_only = False
    rights = "R"
    if user:
        rights += "r"
    if limits["write"] and not read_only:
        rights += "Ww" if user else "W"
    if not (word >> 54 & 1 or limits["uxn"] or (regime.write_no_execute and user and may_be_written)):
        rights += "x"
    if not (word >> 53 & 1 or limits["pxn"]) and not (may_be_written and (user or regime.write_no_execute)):
        rights += "X"
    return rights, new


def _stage2(word: int, new: int, managed: bool, write: bool) -> tuple[str, int]:
    if managed and write:
        new |= 1 << 7
    rights = "rR" if word >> 6 & 1 else ""
    rights += "wW" if new >> 7 & 1 else ""
    rights += {0b00: "xX", 0b01: "x", 0b10: "", 0b11: "X"}[word >> 53 & 3]
    return rights, new
