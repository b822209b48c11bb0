"""Trees with one leaf, for the tests of single rules, and the descriptor bits in words."""

from __future__ import annotations

from soc.address import PhysAddr
from soc.bus import BusError
from soc.mmu.leaves import Leaves
from soc.mmu.vmsa import Granule, Regime
from soc.mmu.walk import FaultKind, Walker
from tests.mmu.machine import BASE, RIGHTS, TABLE, Memory

K4 = Granule.K4
ACCESSED = 1 << 10
USER = 1 << 6
READ_ONLY = 1 << 7
DBM = 1 << 51
HINT = 1 << 52
UXN, PXN = 1 << 54, 1 << 53
NO_EL0, WRITE_OFF, UXN_TABLE, PXN_TABLE = 1 << 61, 1 << 62, 1 << 60, 1 << 59
NONE, TRANSLATION, ADDRESS_SIZE, ACCESS_FLAG, PERMISSION, ABORT = FaultKind


def slot(number: int) -> int:
    return BASE + number * TABLE


def one_leaf(
    leaf: int, level: int = 3, granule: Granule = K4, above: int = 0, **fields: object
) -> tuple[Regime, Memory]:
    """A tree whose input address 0 leads to `leaf` at `level`; `above` is in every table descriptor."""
    memory = Memory(4)
    regime = Regime(PhysAddr(slot(0)), 16, 40, granule=granule, **fields)
    way = range(regime.first_level, level)
    for depth, _ in enumerate(way):
        memory.store(slot(depth), slot(depth + 1) | 3 | above)
    memory.store(slot(len(way)), leaf)
    return regime, memory


def walk(
    regime: Regime,
    memory: Memory,
    page: int = 0,
    count: int = 1,
    write: bool = False,
    privileged: bool = False,
) -> Leaves:
    walker = Walker(regime, memory.read_table, BusError, memory.write_table)
    return walker.walk(page, count, write, privileged)


def rights(leaves: Leaves) -> str:
    """Permissions of the first page as letters, capitals are privileged."""
    return "".join(letter for letter, bit in RIGHTS.items() if int(leaves.permissions[0]) & bit)
