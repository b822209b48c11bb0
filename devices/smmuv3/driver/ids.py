"""ASIDs and VMIDs: small numbers that tag cached translations. 0 is never given out, as in Linux."""

from __future__ import annotations

import heapq
from errno import ENOSPC

from soc.kernel.errors import KernelError


class IdAllocator:
    """Numbers of `bits` bits, the lowest free one first; `name` for errors."""

    def __init__(self, name: str, bits: int) -> None:
        self._name = name
        self._end = 1 << bits
        self._next = 1
        self._returned: list[int] = []

    def take(self) -> int:
        """-ENOSPC when all are in use."""
        if self._returned:
            return heapq.heappop(self._returned)
        if self._next == self._end:
            raise KernelError(ENOSPC, f"no {self._name} is free")
        self._next += 1
        return self._next - 1

    def give(self, number: int) -> None:
        """Free again. Nothing for 0, which stands for none."""
        if number:
            heapq.heappush(self._returned, number)
