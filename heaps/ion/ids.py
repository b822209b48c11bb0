"""The numbers by which a client's handles are known to user space, and what each named before.

The lowest free number is given, from 1 on, so a number comes again as soon as it
is free. Each time it does its generation goes up: that is how the use of a number
whose handle is gone, while another one has it by now, can be told.
Source: idr_alloc(&client->idr, handle, 1, 0) (ion.c, 4.9); the generations are the model's.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heaps.ion.handle import IonHandle
    from soc.kernel.task import Task


class HandleIds:
    """The numbers of one client. `past` says of each what it named last, and who freed that."""

    def __init__(self) -> None:
        self.past: dict[int, str] = {}
        self._live: dict[int, IonHandle] = {}
        self._freed: list[int] = []
        self._next = 1
        self._generations: dict[int, int] = {}
        self._known: dict[tuple[int, int], tuple[int, str]] = {}
        """(generation, buffer) by the pid that was told and the number."""

    def find(self, number: int) -> IonHandle | None:
        """The handle that `number` names now."""
        return self._live.get(number)

    def alloc(self, handle: IonHandle) -> None:
        """Give `handle` the lowest free number."""
        if self._freed:
            handle.id = heappop(self._freed)
        else:
            handle.id, self._next = self._next, self._next + 1
        handle.generation = self._generations[handle.id] = self._generations.get(handle.id, 0) + 1
        self._live[handle.id] = handle

    def remove(self, handle: IonHandle, who: str) -> None:
        """`who` freed `handle`; one that has no number yet is ignored."""
        if self._live.get(handle.id) is handle:
            del self._live[handle.id]
            heappush(self._freed, handle.id)
            self.past[handle.id] = f"{handle.buffer}, freed by {who}"

    # --- who was told what -------------------------------------------------------

    def told(self, task: Task, handle: IonHandle) -> None:
        """`task` has been given the number, by ALLOC or IMPORT."""
        self._known[task.pid, handle.id] = handle.generation, str(handle.buffer)

    def stale(self, task: Task, handle: IonHandle) -> str | None:
        """What `task` takes the number for that now names `handle`; None if it is right or was not told."""
        generation, buffer = self._known.setdefault(
            (task.pid, handle.id), (handle.generation, str(handle.buffer))
        )
        return buffer if generation != handle.generation else None
