"""Addresses where nothing answers, as the engine reports them."""

from __future__ import annotations

from collections.abc import Callable

from unicorn import unicorn_const as const

from soc.address import PAGE_SHIFT
from soc.bus import BusError
from soc.cpu.engine import ON_UNMAPPED, Engine
from soc.memory.dram import Dram

ADDRESS_SPACE = 1 << 64
MOST_COMPLAINTS = 4096
"""Pages and kinds that are told of; a guest could touch any number."""

ABORTS: dict[int, bool | None] = {
    const.UC_ERR_READ_UNMAPPED: False,
    const.UC_ERR_READ_PROT: False,
    const.UC_ERR_WRITE_UNMAPPED: True,
    const.UC_ERR_WRITE_PROT: True,
    const.UC_ERR_FETCH_UNMAPPED: None,
    const.UC_ERR_FETCH_PROT: None,
}
"""Engine errors that are the guest's: True for a write, False for a read, None for a fetch."""

KINDS = {
    const.UC_MEM_READ_UNMAPPED: "read",
    const.UC_MEM_WRITE_UNMAPPED: "write",
    const.UC_MEM_FETCH_UNMAPPED: "fetch",
}


class Holes:
    """Logs the physical addresses of accesses nobody answers, once per page and kind; `latest` is one.

    The hooks stay off DRAM: a hook over RAM would make every store slow.
    """

    def __init__(self, engine: Engine, dram: Dram, log: Callable[[str], None]) -> None:
        self._log = log
        self.latest = 0
        self._complained: set[tuple[int, str]] = set()
        kinds = const.UC_HOOK_MEM_READ_UNMAPPED | const.UC_HOOK_MEM_WRITE_UNMAPPED
        kinds |= const.UC_HOOK_MEM_FETCH_UNMAPPED
        callback = ON_UNMAPPED(self._unmapped)
        edges = [0, *(edge for bank in dram.banks for edge in (bank.base, bank.end)), ADDRESS_SPACE]
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            if begin < end:
                engine.hook(kinds, callback, begin, end - 1)

    def nobody(self, address: int, size: int, access: str) -> None:
        """Nothing answers an access of `size` bytes at physical `address`."""
        self.latest = address
        self.complain(address, access, str(BusError(address, size, access, "cpu")))

    def complain(self, address: int, kind: str, line: str) -> None:
        """Log `line`, once per page of `address` and kind."""
        key = address >> PAGE_SHIFT, kind
        if key not in self._complained and len(self._complained) < MOST_COMPLAINTS:
            self._complained.add(key)
            self._log(line)

    def _unmapped(self, handle: int, kind: int, address: int, size: int, value: int, data: int) -> bool:
        self.nobody(address, size, KINDS.get(kind, "access"))
        return False
