"""Random tables in a small memory, for both walkers."""

from __future__ import annotations

from random import Random

import numpy as np

from soc.address import PhysAddr
from soc.bus import BusError
from soc.mmu.leaves import Leaves, Permission
from soc.mmu.vmsa import Regime
from soc.mmu.walk import FaultKind
from tests.mmu import reference

BASE = 0x4000_0000
TABLE = 1 << 16
"""Room for one table of any granule, aligned for 16 concatenated ones of 4 KiB."""

FAULTS = {
    "": FaultKind.NONE,
    "translation": FaultKind.TRANSLATION,
    "address size": FaultKind.ADDRESS_SIZE,
    "access flag": FaultKind.ACCESS_FLAG,
    "permission": FaultKind.PERMISSION,
    "external abort": FaultKind.EXTERNAL_ABORT,
}
RIGHTS = {
    "r": Permission.READ,
    "w": Permission.WRITE,
    "x": Permission.EXECUTE,
    "R": Permission.PRIV_READ,
    "W": Permission.PRIV_WRITE,
    "X": Permission.PRIV_EXECUTE,
}


class Memory:
    """Room for `tables` tables from BASE on; some 4 KiB pages may not answer, or not take writes."""

    def __init__(self, tables: int) -> None:
        self.words = np.zeros(tables * TABLE // 8, dtype=np.uint64)
        self.holes: set[int] = set()
        self.locked: set[int] = set()
        self.writes = 0

    def copy(self) -> Memory:
        other = Memory(0)
        other.words, other.holes, other.locked = self.words.copy(), self.holes, self.locked
        return other

    def read_table(self, address: PhysAddr, count: int) -> np.ndarray:
        first = self._first(address, count, self.holes)
        return self.words[first : first + count]

    def write_table(self, address: PhysAddr, words: np.ndarray) -> None:
        first = self._first(address, len(words), self.locked | self.holes)
        self.words[first : first + len(words)] = words
        self.writes += 1

    def word(self, address: int) -> int | None:
        try:
            return int(self.words[self._first(address, 1, self.holes)])
        except BusError:
            return None

    def store(self, address: int, word: int) -> bool:
        try:
            self.words[self._first(address, 1, self.locked | self.holes)] = word
        except BusError:
            return False
        return True

    def _first(self, address: int, count: int, closed: set[int]) -> int:
        first = (address - BASE) // 8
        pages = range(address >> 12, (address + 8 * count - 1 >> 12) + 1)
        if address % 8 or first < 0 or first + count > len(self.words) or closed.intersection(pages):
            raise BusError(address, 8 * count, "read", "test")
        return first


def install(
    memory: Memory,
    regime: Regime,
    page: int,
    leaf: int,
    stop: int,
    random: Random,
    free: list[int],
    at: int = 0,
) -> int:
    """A way of table descriptors down to level `stop`, and `leaf` there; gives the leaf's address.

    `free` are physical table slots; `at` is what their addresses in descriptors
    are lower by (the tables' intermediate address).
    """
    granule = int(regime.granule)
    lowest = reference.LOWEST_BIT[granule]
    level = reference.first_level(regime)
    offset = (page << 12) & ((1 << (64 - regime.t0sz)) - 1)
    bits = 64 - regime.t0sz - lowest[level]
    table = (regime.table + at) >> (bits + 3) << (bits + 3)
    while True:
        address = table + 8 * (offset >> lowest[level] & ((1 << bits) - 1))
        if level == stop:
            memory.store(address, leaf)
            return address
        word = memory.word(address) or 0
        if word & 3 != 3:
            limits = random.choice([0] * 5 + [1 << 59, 1 << 60, 1 << 61, 1 << 62, 0x1F << 59])
            word = free.pop() - at | 3 | limits
            memory.store(address, word)
        table, level, bits = (word & 0xFFFF_FFFF_FFFF) >> granule << granule, level + 1, granule - 3
        table += at


def leaf_bits(random: Random) -> int:
    """Attributes of a leaf: usually accessible, any of the bits that matter."""
    word = random.choice([1 << 6 | 1 << 10, 3 << 6 | 1 << 10, 1 << 10, 1 << 6, 0])
    for bit in (2, 3, 4, 5, 8, 9, 11, 51, 52, 53, 54):
        word |= (random.random() < 0.4) << bit
    return word


def expected(results: list[reference.Result]) -> Leaves:
    """The answers of the reference as columns; frames and the like are 0 at faults."""
    leaves = Leaves.empty(len(results))
    for index, result in enumerate(results):
        leaves.faults[index] = FAULTS[result.fault]
        leaves.stage[index] = result.stage
        leaves.table[index] = result.table
        leaves.ipa[index] = result.ipa or 0
        if result.fault == "external abort" and leaves.abort is None:
            leaves.abort = PhysAddr(result.fetch or 0)
        if result.fault:
            continue
        leaves.frames[index] = result.address >> 12
        leaves.permissions[index] = sum(RIGHTS[right] for right in result.rights)
        leaves.stage1_permissions[index] = sum(RIGHTS[right] for right in result.rights1)
        leaves.order[index] = result.size.bit_length() - 13
        leaves.global_[index] = result.global_
        leaves.attributes[index] = result.attributes
    return leaves


def assert_same(found: Leaves, wanted: Leaves, ignore: int = 0) -> None:
    """Every column; where it means something. `ignore` are permissions not to compare."""
    assert found.faults.tolist() == wanted.faults.tolist()
    bad = found.faults != FaultKind.NONE
    assert found.stage[bad].tolist() == wanted.stage[bad].tolist()
    assert found.table.tolist() == wanted.table.tolist()
    assert found.ipa.tolist() == wanted.ipa.tolist()
    assert found.abort == wanted.abort
    mask = np.uint8(63 & ~ignore)
    assert (found.permissions[~bad] & mask).tolist() == (wanted.permissions[~bad] & mask).tolist()
    for name in ("frames", "order", "global_", "attributes", "stage1_permissions"):
        got, right = getattr(found, name), getattr(wanted, name)
        assert got[~bad].tolist() == right[~bad].tolist(), name
