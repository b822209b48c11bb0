"""Cache maintenance by software on the core: DC instructions and the enables in SCTLR_EL1.

DC by address acts on one line; by set and way it acts once a loop has been
through every set and way of every data cache, because until then nobody knows
where a line was. Source: Arm ARM (DDI 0487) C5.3, D7.5.

Not modelled: aborts of a DC on an address without a translation (it does
nothing), maintenance by another core, DC CVAU (instruction fetch does not go
through this cache), DC CVAP and CVADP beyond what CVAC does.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from soc.address import PhysAddr
from soc.cpu.engine import Engine
from soc.cpu.sysregs import SystemRegisters
from soc.memory.cache.comparing import ComparingCache
from soc.memory.cache.lines import LINE

SCTLR_EL1 = (3, 0, 1, 0, 0)
SCTLR_M, SCTLR_C = 1 << 0, 1 << 2
CLIDR_EL1 = (3, 1, 0, 0, 1)
CCSIDR_EL1 = (3, 1, 0, 0, 0)
CSSELR_EL1 = (3, 2, 0, 0, 0)

BY_ADDRESS = {
    "CVAC": ((1, 3, 7, 10, 1), True, False),
    "IVAC": ((1, 0, 7, 6, 1), False, True),
    "CIVAC": ((1, 3, 7, 14, 1), True, True),
}
"""The DC instructions that name an address: encoding, whether they clean, whether they invalidate."""

LARGEST_LEVEL = 7
INSTRUCTION_ONLY = 1
"""Ctype of a level that has no data cache; 0 is no level at all."""


class BySetAndWay(Enum):
    """The DC instructions that name a set and a way."""

    ISW = (1, 0, 7, 6, 2)
    CSW = (1, 0, 7, 10, 2)
    CISW = (1, 0, 7, 14, 2)


class CacheMaintenance:
    """Leads DC instructions of `engine` to `cache`; `changed` hears of a page's last stale line."""

    def __init__(
        self,
        engine: Engine,
        registers: SystemRegisters,
        cache: ComparingCache,
        changed: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._cache = cache
        self._changed = changed
        self._levels = dict(_data_levels(engine))
        self._visited: dict[BySetAndWay, set[int]] = {operation: set() for operation in BySetAndWay}
        for register, clean, invalidate in BY_ADDRESS.values():
            registers.on_write(register, self._by_address(clean, invalidate))
        for operation in BySetAndWay:
            registers.on_write(operation.value, self._by_set_and_way(operation))
        registers.on_write(SCTLR_EL1, self._write_control)

    def reset(self) -> None:
        """The core was reset: its caches are off."""
        self._cache.enable(False)
        for visited in self._visited.values():
            visited.clear()

    def _write_control(self, value: int) -> bool:
        self._cache.enable(value & (SCTLR_M | SCTLR_C) == SCTLR_M | SCTLR_C)
        self._changed()
        return False

    def _by_address(self, clean: bool, invalidate: bool) -> Callable[[int], bool]:
        cache, engine = self._cache, self._engine

        def maintain(address: int) -> bool:
            physical = engine.translate(address & ~(LINE - 1))
            if physical is None or not cache.dram.bank(physical, LINE):
                return False
            if cache.maintain_line(PhysAddr(physical), clean, invalidate):
                self._changed()
            return False

        return maintain

    def _by_set_and_way(self, operation: BySetAndWay) -> Callable[[int], bool]:
        places = sum(self._levels.values())

        def maintain(value: int) -> bool:
            visited = self._visited[operation]
            if value >> 1 & 7 in self._levels:
                visited.add(value & 0xFFFF_FFFF)
            if len(visited) == places:
                visited.clear()
                self._whole_cache(operation)
            return False

        return maintain

    def _whole_cache(self, operation: BySetAndWay) -> None:
        if operation is not BySetAndWay.ISW:
            self._cache.clean_all()
        if operation is not BySetAndWay.CSW:
            self._cache.invalidate_all()
        self._changed()


def _data_levels(engine: Engine) -> list[tuple[int, int]]:
    """(level - 1, sets * ways) of every data or unified cache, as the core's own registers say."""
    found = []
    types = engine.read_system(CLIDR_EL1)
    for level in range(LARGEST_LEVEL):
        if types >> (3 * level) & 7 > INSTRUCTION_ONLY:
            engine.write_system(CSSELR_EL1, level << 1)
            size = engine.read_system(CCSIDR_EL1)
            found.append((level, ((size >> 13 & 0x7FFF) + 1) * ((size >> 3 & 0x3FF) + 1)))
    engine.write_system(CSSELR_EL1, 0)
    return found
