"""The recorder: every step of a flow with the references after it and the complaints it caused.

    fd = steps.call(app, "dma_buf_fd(g_dma_buf)", lambda: dma_buf_fd(app, dmabuf))

A step within another one (a driver's calls during an ioctl) is written down below it; the
counts stand with the innermost. A call that fails is a step like any other, and its
error goes on to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from soc.errors import SocError
from soc.flows.counts import Count, Source
from soc.kernel.errors import KernelBug
from soc.memory.pages import BadFree

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore

T = TypeVar("T")


def _plain(value: object) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Change:
    """A count after a step; `before` is what it was, None for something new."""

    count: Count
    before: Count | None

    @property
    def changed(self) -> bool:
        return self.before != self.count

    @property
    def number(self) -> str:
        """`2`, or `2 (was 1)`."""
        before = self.before
        was = f" (was {before.total})" if before and before.total != self.count.total else ""
        return f"{self.count.total}{was}"

    @property
    def who(self) -> str:
        """Who has the references, if anything changed: `fd 1 of app (pid 100), kernel ion`."""
        return (", ".join((*self.count.holders, *self.count.also)) or "gone") if self.changed else ""


@dataclass(frozen=True)
class Step:
    """`who` made `call`, `depth` calls deep, and it gave `result`, "" if nothing.

    `counts` are of all objects there are afterwards, or were until then; `complaints` are what the
    kernel's log got meanwhile. Both are empty where a deeper step tells them.
    """

    who: str
    call: str
    depth: int
    result: str
    counts: tuple[Change, ...]
    complaints: tuple[str, ...]


class Recorder:
    """The steps of one act on `kernel`, in the order in which they were begun."""

    def __init__(self, kernel: KernelCore) -> None:
        self._kernel = kernel
        self._sources: list[Source] = []
        self._entered: list[Step | None] = []
        self._depth = 0
        self._last: dict[str, Count] = {}
        self._told = 0

    @property
    def steps(self) -> list[Step]:
        """All that are done."""
        return [step for step in self._entered if step is not None]

    def watch(self, source: Source) -> None:
        """From now on these counts are written down, too."""
        self._sources.append(source)

    def call(
        self, who: object, call: str, function: Callable[[], T], show: Callable[[T], str] | None = None
    ) -> T:
        """One step: what `function` returns, or raises. `show` words the result; by default as str does."""
        place = len(self._entered)
        self._entered.append(None)
        self._depth += 1
        result = ""
        try:
            value = function()
            result = show(value) if show else _plain(value)
            return value
        except SocError as error:
            result = str(error)
            raise
        finally:
            self._depth -= 1
            leaf = len(self._entered) == place + 1
            counts = tuple(self._counts()) if leaf or self._moved() else ()
            self._entered[place] = Step(str(who), call, self._depth, result, counts, self._complaints())

    def attempt(self, who: object, call: str, function: Callable[[], T]) -> T | None:
        """The same for a call that may fail: None then. To free what is free already is a BUG."""

        def function_or_bug() -> T:
            try:
                return function()
            except BadFree as error:
                self._kernel.log.warn(f"kernel BUG: {error}")
                raise KernelBug(str(error)) from error

        try:
            return self.call(who, call, function_or_bug)
        except SocError:
            return None

    def _now(self) -> dict[str, Count]:
        return {count.what: count for source in self._sources for count in source()}

    def _moved(self) -> bool:
        """Whether a count changed since the last step that told."""
        return self._now() != self._last

    def _counts(self) -> Iterator[Change]:
        now = self._now()
        for what, count in now.items():
            yield Change(count, self._last.get(what))
        for what, before in self._last.items():
            if what not in now:
                yield Change(Count(what, 0, ()), before)
        self._last = now

    def _complaints(self) -> tuple[str, ...]:
        entries = self._kernel.log.entries
        new, self._told = entries[self._told :], len(entries)
        return tuple(entry.text for entry in new if entry.level != "info")
