"""The wait-for graph: thread -> what it waits for -> who must act -> what that one waits for.

A cycle in it is a deadlock. A thread that waits can do nothing else; a task can, as
long as one of its threads does not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from soc.kernel.sched.thread import Thread, Wait
from soc.kernel.sched.waitable import Blocker, Related, Waitable

if TYPE_CHECKING:
    from soc.kernel.task import Task

Chain: TypeAlias = list[Blocker]
Edges: TypeAlias = Callable[[Blocker], Sequence[Blocker]]


class WaitGraph:
    """The graph of `waits`, in the order they began."""

    def __init__(self, waits: Sequence[Wait]) -> None:
        self._waits = waits

    def cycle(self) -> Chain | None:
        """The first cycle, from a thread or task to itself, or None."""
        found = (_search(wait.thread, self._next) for wait in self._waits)
        return next((cycle for cycle in found if cycle), None)

    def certain_cycle(self, start: Wait) -> Chain | None:
        """The cycle that `start` closes, if nothing but it can end any of the waits in it.

        A task may be run by somebody, a signal may come, one of several blockers may be enough.
        """
        cycle = _search(start.thread, self._certain) if start.endless else None
        return cycle if cycle and start.on in cycle else None

    def chain(self, start: Wait) -> Chain:
        """What `start` waits for and so on, of several a new one, to the end or the first repetition."""
        path: Chain = [start.thread, start.on]
        while not _repeats(path) and (following := self._all(path[-1])):
            path.append(next((node for node in following if node not in path), following[0]))
        return path

    def waits_in(self, cycle: Chain) -> list[Wait]:
        """The waits that make up `cycle`, in the order they began."""
        return [w for w in self._waits if w.on in cycle and any(who in cycle for who in _parties(w))]

    def _all(self, node: Blocker) -> Sequence[Blocker]:
        """What `node` needs: all of it, but only one of what the threads of a task wait for."""
        if isinstance(node, Waitable):
            return node.blockers()
        if isinstance(node, Thread):
            return [wait.on for wait in self._waits if wait.thread.stack_of is node.stack_of]
        return [wait.on for wait in self._waits if node in _parties(wait)]

    def _next(self, node: Blocker) -> Sequence[Blocker]:
        """What `node` needs for sure; of a task with several threads, any may do."""
        needed = self._all(node)
        sure = isinstance(node, Waitable | Thread) or len(needed) == 1
        return needed if sure else []

    def _certain(self, node: Blocker) -> Sequence[Blocker]:
        if isinstance(node, Waitable):
            blockers = node.blockers()
            return blockers if len(blockers) == 1 else []
        if isinstance(node, Thread):
            return [wait.on for wait in self._waits if wait.endless and wait.thread.stack_of is node.stack_of]
        return []


def _parties(wait: Wait) -> tuple[Thread | Task | None, ...]:
    """Who cannot act while it lasts."""
    thread, host = wait.thread, wait.thread.stack_of
    return thread, host, thread.task, host.task


def tell(chain: Chain, waits: str = "waits for") -> str:
    """The chain in words; its last node is the end unless it closes a cycle."""
    words = f"{chain[0]} {waits} {chain[1]}"
    for before, node in pairwise(chain[1:]):
        if not isinstance(before, Waitable):
            words += f", which waits for {node}"
        elif isinstance(node, Waitable):
            words += f", which needs {node}"
        else:
            words += f", {_relation(before)} {node}"
    return words if _repeats(chain) else words + _end(chain[-1])


def _end(node: Blocker) -> str:
    """Why the chain ends at `node`."""
    if isinstance(node, Related):
        return f", {node.relation} nobody"
    if isinstance(node, Waitable):
        return ", which nobody is to signal"
    return ", which is not running"


def _relation(waitable: Waitable) -> str:
    return waitable.relation if isinstance(waitable, Related) else "to be signalled by"


def beginning_at(cycle: Chain, wait: Wait) -> Chain:
    """The same cycle, told from the one who began `wait`."""
    first = next(index for index, node in enumerate(cycle[1:]) if node is wait.on)
    return [*cycle[first:-1], *cycle[: first + 1]]


def _repeats(path: Chain) -> bool:
    """Whether the last node was there before."""
    return any(node is path[-1] for node in path[:-1])


def _search(start: Blocker, edges: Edges) -> Chain | None:
    """Depth first from `start` until the path meets itself; the cycle, from an actor to an actor."""
    path, branches = [start], [iter(edges(start))]
    places, seen = {id(start): 0}, {id(start): start}
    while branches:
        node = next(branches[-1], None)
        if node is None:
            branches.pop()
            del places[id(path.pop())]
        elif id(node) in places:
            return _from_actor(path[places[id(node)] :])
        elif id(node) not in seen:
            seen[id(node)] = node
            places[id(node)] = len(path)
            path.append(node)
            branches.append(iter(edges(node)))
    return None


def _from_actor(ring: Chain) -> Chain:
    """The cycle of these nodes, beginning and ending with a thread or a task."""
    first = next(index for index, node in enumerate(ring) if not isinstance(node, Waitable))
    return [*ring[first:], *ring[:first], ring[first]]
