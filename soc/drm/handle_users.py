"""Who was told which handle, and who closes one that is not theirs any more.

Importing a dma-buf a second time gives the handle it has, without a reference of its own:
the first GEM_CLOSE ends it for everybody. Two libraries of one process that both import a
frame and both close it therefore close it twice; in between the number may have become
another buffer's, and then that one is closed behind its owner's back. Linux says -EINVAL to
the first and nothing to the second; here both are a WARN that names both sides.

Of one caller that was told a number for two buffers, the later is believed to be meant.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soc.kernel.log import KernelLog

REMEMBERED = 2
"""Meanings of one number that are kept for one caller: what it names now, and what it named before."""


@dataclass(eq=False)
class Meaning:
    """What a number named for a while: `what` for people, and who ended that."""

    what: str
    closed_by: str | None = None


class HandleUsers:
    """The numbers of one client, `name` for people."""

    def __init__(self, name: str, log: KernelLog) -> None:
        self._name = name
        self._log = log
        self._now: dict[int, Meaning] = {}
        self._told: defaultdict[tuple[str, int], Counter[Meaning]] = defaultdict(Counter)
        """How often a caller was told each meaning of a number and has not closed it since, latest last."""

    def born(self, number: int, what: str) -> None:
        """`number` names something new."""
        self._now[number] = Meaning(what)

    def told(self, user: str, number: int) -> None:
        """A call of `user` is answered with `number`."""
        told = self._told[user, number]
        told[self._now[number]] += 1
        if len(told) > REMEMBERED:
            del told[next(iter(told))]

    def uses(self, user: str, number: int, call: str) -> None:
        """WARN if `user` was given `number` for what is gone, and another has it by now."""
        meant, now = self._meant(user, number), self._now.get(number)
        if meant is not None and now is not None and meant is not now:
            self._log.warn(f"{call}: {user} uses someone else's handle: {self._mixed_up(number, meant, now)}")

    def closes(self, user: str, number: int) -> None:
        """GEM_CLOSE. WARN if `user` was given `number` for something that is closed already."""
        meant, now = self._meant(user, number), self._now.pop(number, None)
        if meant is not None:
            self._forget(user, number, meant)
        if meant is not None and meant is not now:
            if now is None:
                ended = f"it was {meant.what}, closed by {meant.closed_by}"
                self._log.warn(f"GEM_CLOSE: {user} closes handle {number} of {self._name} again: {ended}")
            else:
                mixed_up = self._mixed_up(number, meant, now)
                self._log.warn(f"GEM_CLOSE: {user} closed someone else's handle: {mixed_up}")
        if now is not None:
            now.closed_by = user

    def _meant(self, user: str, number: int) -> Meaning | None:
        return next(reversed(self._told.get((user, number), {})), None)

    def _forget(self, user: str, number: int, meant: Meaning) -> None:
        """What `user` was told once is done with."""
        told = self._told[user, number]
        told[meant] -= 1
        if not told[meant]:
            del told[meant]
        if not told:
            del self._told[user, number]

    def _mixed_up(self, number: int, meant: Meaning, now: Meaning) -> str:
        owners = sorted(user for (user, other), told in self._told.items() if other == number and now in told)
        whose = f", given to {', '.join(owners)}" if owners else ""
        was = f"{number} of {self._name} was {meant.what} until {meant.closed_by} closed it"
        return f"{was}, and is now {now.what}{whose}"
