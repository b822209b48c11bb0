"""The memory behind a buffer, until its last user is gone: the buffer itself, each mapping, each move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from heaps.storage.memory import HeapMemory
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.dmabuf import DmaBufAttachment


@dataclass(eq=False)
class Backing:
    """`memory` is given back when the last of `users` puts it."""

    memory: HeapMemory
    users: int = 1

    def get(self) -> Backing:
        self.users += 1
        return self

    def put(self) -> None:
        self.users -= 1
        if not self.users:
            self.memory.give_back()


@dataclass(eq=False)
class DeviceMapping:
    """`table` of `backing`, mapped for an attachment's device."""

    attachment: DmaBufAttachment
    table: SgTable
    direction: DmaDirection
    backing: Backing
