"""What a thread can wait for, and who can make it happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from soc.kernel.sched.thread import Thread
    from soc.kernel.task import Task

Blocker: TypeAlias = "Task | Thread | Waitable"
"""Who must act, or what must happen first. A Thread where no other thread of its task can act instead."""


@runtime_checkable
class Waitable(Protocol):
    """A fence, a lock, a queue: `str()` names it for people, e.g. "fence drm-sched 3:7"."""

    def __str__(self) -> str: ...

    def blockers(self) -> Sequence[Blocker]:
        """Who or what must act before it happens; empty: nobody known."""
        ...


@runtime_checkable
class Related(Waitable, Protocol):
    """A waitable that says what its blockers are to it: `relation`, e.g. "held by".

    Any other is "to be signalled by" them.
    """

    relation: str
