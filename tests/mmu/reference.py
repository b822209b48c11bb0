"""One address at a time: a plain reading of the VMSAv8-64 rules, 4 KiB granule, stage 1.

Source: ARM DDI 0487, D8.2 (walk), D8.3 (descriptors), D8.4 (permissions), D8.7
(faults). Shares nothing with the walker it judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LOWEST_BIT = {0: 39, 1: 30, 2: 21, 3: 12}


@dataclass(frozen=True)
class Result:
    """`fault` is empty for a translation; `fetch` is where an external abort happened."""

    fault: str = ""
    address: int = 0
    readable: bool = False
    writable: bool = False
    level: int = 3
    fetch: int = 0


def first_level(t0sz: int) -> int:
    """The level of the initial lookup."""
    if 16 <= t0sz <= 24:
        return 0
    if t0sz <= 33:
        return 1
    assert t0sz <= 42
    return 2


def walk(
    read: Callable[[int], int | None], ttbr: int, t0sz: int, output_bits: int, af_faults: bool, address: int
) -> Result:
    """`read` gives a descriptor or None outside memory. Unprivileged data access."""
    if address >> (64 - t0sz):
        return Result("translation")
    level = first_level(t0sz)
    index_bits = 64 - t0sz - LOWEST_BIT[level]
    table = ttbr >> (index_bits + 3) << (index_bits + 3)
    no_el0 = read_only = False
    while True:
        fetch = table + 8 * (address >> LOWEST_BIT[level] & ((1 << index_bits) - 1))
        descriptor = read(fetch)
        if descriptor is None:
            return Result("external abort", fetch=fetch)
        kind = descriptor & 0b11
        if kind in (0b00, 0b10) or (kind == 0b01 and level in (0, 3)):
            return Result("translation")
        target = descriptor & 0x0000_FFFF_FFFF_F000
        if target >> output_bits:
            return Result("address size")
        if level == 3 or kind == 0b01:
            break
        no_el0 |= bool(descriptor >> 61 & 1)
        read_only |= bool(descriptor >> 62 & 1)
        table, level, index_bits = target, level + 1, 9
    if af_faults and not descriptor >> 10 & 1:
        return Result("access flag")
    low = LOWEST_BIT[level]
    readable = bool(descriptor >> 6 & 1) and not no_el0
    writable = readable and not descriptor >> 7 & 1 and not read_only
    return Result("", target >> low << low | address & ((1 << low) - 1), readable, writable, level)
