"""Where a walk fetches descriptors, and what it reports when it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SIZE, PhysAddr
from soc.errors import SocError
from soc.mmu.leaves import FaultKind

Words = NDArray[np.uint64]

ReadTable = Callable[[PhysAddr, int], Words]
"""Reads `count` 64-bit descriptors at an address; raises the bus's error outside memory."""

WriteTable = Callable[[PhysAddr, Words], None]
"""Writes 64-bit descriptors back at an address; raises the bus's error outside memory."""


class FetchFault(SocError):
    """Descriptors could not be read or updated.

    `stage` 2 with `table`: stage 2 refused, at `ipa`. `abort` is the physical
    address that answered with an external abort, None for the other kinds.
    """

    def __init__(
        self, kind: FaultKind, stage: int, table: bool = False, ipa: int = 0, abort: PhysAddr | None = None
    ) -> None:
        self.kind = kind
        self.stage = stage
        self.table = table
        self.ipa = ipa
        self.abort = abort
        super().__init__(f"{kind.name} at stage {stage} on a descriptor")


class TableMemory(Protocol):
    """Memory that tables lie in, at addresses of the walked stage's output."""

    def prepare(self, pieces: list[tuple[int, int]]) -> None:
        """(address, descriptors) of the reads that follow."""
        ...

    def read(self, address: int, count: int) -> Words:
        """`count` descriptors. FetchFault."""
        ...

    def write(self, address: int, words: Words) -> None:
        """Update descriptors that were read before. FetchFault."""
        ...


class PhysicalTables:
    """Tables at physical addresses. `stage` is the stage they belong to."""

    def __init__(
        self, read: ReadTable, bus_error: type[Exception], write: WriteTable | None, stage: int
    ) -> None:
        self._read = read
        self._write = write
        self._bus_error = bus_error
        self._stage = stage

    def prepare(self, pieces: list[tuple[int, int]]) -> None:
        """Nothing to do: physical addresses need no translation."""

    def read(self, address: int, count: int) -> Words:
        try:
            return self._read(PhysAddr(address), count)
        except self._bus_error as error:
            raise self._abort(address) from error

    def write(self, address: int, words: Words) -> None:
        if self._write is None:
            raise ValueError("hardware update of descriptors needs write_table")
        try:
            self._write(PhysAddr(address), words)
        except self._bus_error as error:
            raise self._abort(address) from error

    def _abort(self, address: int) -> FetchFault:
        return FetchFault(FaultKind.EXTERNAL_ABORT, self._stage, abort=PhysAddr(address))


def by_page(address: int, count: int) -> Iterator[tuple[int, int, int]]:
    """Descriptors cut where 4 KiB pages end: (address, first, end)."""
    first = 0
    while first < count:
        at = address + 8 * first
        end = min(count, first + (PAGE_SIZE - at % PAGE_SIZE) // 8)
        yield at, first, end
        first = end
