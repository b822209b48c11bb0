"""The spawned threads, each with a stack of its own, and whose turn it is.

A turn lasts until the thread waits, yields or ends; then control is back with who gave it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from greenlet import GreenletExit, getcurrent

from soc.errors import SocError
from soc.kernel.sched.deadlock import Deadlock
from soc.kernel.sched.thread import Spawned, Wait

if TYPE_CHECKING:
    from soc.kernel.log import KernelLog

Choose = Callable[[Sequence[Spawned]], Spawned]


def longest_ago(ready: Sequence[Spawned]) -> Spawned:
    """Round robin: whose last turn was before those of the others."""
    return ready[0]


class RunQueue:
    """`threads` that have not ended; who had a turn goes to the end. `closing`: they are ended by force.

    `deadlocked` are those that ended with a Deadlock which nobody has been told yet.
    """

    def __init__(self, log: KernelLog) -> None:
        self.threads: list[Spawned] = []
        self.choose: Choose = longest_ago
        self.closing = False
        self.deadlocked: list[Spawned] = []
        self._log = log

    def add(self, thread: Spawned, function: Callable[[], object]) -> None:
        """`thread` is to run `function`."""
        thread.stack.run = lambda: self._body(thread, function)
        self.threads.append(thread)

    def unfinished(self) -> list[Spawned]:
        """Those that somebody waits for: all but the daemons."""
        return [thread for thread in self.threads if not thread.daemon]

    def ready(self, over: Callable[[Wait], bool]) -> list[Spawned]:
        """Those that could go on: whose wait is `over`, or who do not wait and are not running."""
        return [t for t in self.threads if (over(t.wait) if t.wait else t.runnable)]

    def turn(self, over: Callable[[Wait], bool]) -> bool:
        """A turn of one that is ready; False if none is."""
        ready = self.ready(over)
        if ready:
            self._resume(self.choose(ready))
        return bool(ready)

    def leave(self, thread: Spawned) -> None:
        """The turn of the running `thread` is over; returns at the start of its next."""
        parent = thread.stack.parent
        assert parent is not None
        parent.switch()

    def close(self) -> None:
        """End every thread where it stands; its `finally` clauses run, but cannot wait."""
        self.closing = True
        while self.threads:
            thread = self.threads.pop(0)
            thread.stack.parent = getcurrent()
            thread.stack.throw(GreenletExit)
            thread.done = True
        self.closing = False

    def _resume(self, thread: Spawned) -> None:
        self.threads.remove(thread)
        self.threads.append(thread)
        thread.wait, thread.runnable = None, False
        thread.stack.parent = getcurrent()
        try:
            thread.stack.switch()
        finally:
            if thread.done:
                self.threads.remove(thread)

    def _body(self, thread: Spawned, function: Callable[[], object]) -> None:
        """An error that `result()` will not raise for anybody goes to who gave the turn."""
        try:
            thread.value = function()
        except GreenletExit:
            raise
        except BaseException as error:
            thread.error = error
            if thread.daemon or not isinstance(error, SocError):
                raise
            if isinstance(error, Deadlock):
                self.deadlocked.append(thread)
        finally:
            thread.done = True
            self._check_end(thread)

    def _check_end(self, thread: Spawned) -> None:
        """WARN for what it leaves behind, unless it was stopped in the middle."""
        if self.closing or isinstance(thread.error, Deadlock):
            return
        for held in thread.held:
            self._log.warn(f"{thread} ends while it holds {held.lock}")
