"""Everything a kernel counts that must be back where it was when work is done or undone.

Who owns a count registers it; a snapshot before and one after say what was
leaked, in words. A test of an error path compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping


class Counters:
    """The counts of one kernel, by what they count: "open dma-buf files", "free pages"."""

    def __init__(self) -> None:
        self._counters: dict[str, Callable[[], Mapping[str, int] | int]] = {}

    def add(self, name: str, count: Callable[[], Mapping[str, int] | int]) -> None:
        """Register a count, or several that go by a name of their own. ValueError if `name` is taken."""
        if name in self._counters:
            raise ValueError(f"{name!r} is counted already")
        self._counters[name] = count

    def snapshot(self) -> dict[str, int]:
        """All counts as they are now, those that are 0 left out."""
        found: dict[str, int] = {}
        for name, count in self._counters.items():
            value = count()
            if isinstance(value, int):
                found[name] = value
            else:
                found |= {f"{name} {part}": number for part, number in value.items()}
        return {name: value for name, value in found.items() if value}

    def changes(self, before: Mapping[str, int]) -> list[str]:
        """One line for each count that differs from a snapshot: `open files dma-buf: 0 before, 2 now`."""
        now = self.snapshot()
        names = sorted(before.keys() | now.keys())
        pairs = [(name, before.get(name, 0), now.get(name, 0)) for name in names]
        return [f"{name}: {was} before, {value} now" for name, was, value in pairs if was != value]
