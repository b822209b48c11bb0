"""The kernel log (dmesg): what a correct run leaves without one warning in it.

A warning stands for a WARN of the kernel or for a diagnostic of the model; both
name what was misused and by whom. Lines look as `dmesg` prints them.
Source: kernel/printk/printk.c.

Not modelled: log levels beyond three, backtraces, the ring's size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from soc.clock import SECOND, Clock

Level = Literal["info", "warning", "error"]
Sink = Callable[[str], None]


@dataclass(frozen=True)
class LogEntry:
    """One printk: `time` in ns since power-on; `text` may have several lines."""

    time: int
    level: Level
    text: str

    def lines(self) -> list[str]:
        """As dmesg prints it: `[    0.016666] text`, every line with its stamp."""
        seconds, rest = divmod(self.time, SECOND)
        stamp = f"[{seconds:5d}.{rest // 1000:06d}] "
        mark = "WARNING: " if self.level == "warning" else ""
        return [stamp + line for line in (mark + self.text).splitlines()]


class KernelLog:
    """dmesg of one kernel. `sink`, if given, gets every line as it is logged (the console)."""

    def __init__(self, clock: Clock, sink: Sink | None = None) -> None:
        self.clock = clock
        self.sink = sink
        self.entries: list[LogEntry] = []
        self._said: set[str] = set()

    def info(self, text: str) -> None:
        """A message of ordinary life."""
        self._add("info", text)

    def warn(self, text: str) -> None:
        """A WARN: somebody broke a rule. The kernel carries on."""
        self._add("warning", text)

    def warn_once(self, text: str, place: str) -> None:
        """WARN_ONCE: only the first of all that come from `place` in the code."""
        if place not in self._said:
            self._said.add(place)
            self.warn(text)

    def error(self, text: str) -> None:
        """An operation failed; nobody broke a rule."""
        self._add("error", text)

    @property
    def warnings(self) -> list[str]:
        """The texts of all warnings, oldest first."""
        return [entry.text for entry in self.entries if entry.level == "warning"]

    def lines(self) -> list[str]:
        """The whole log as dmesg prints it."""
        return [line for entry in self.entries for line in entry.lines()]

    def _add(self, level: Level, text: str) -> None:
        entry = LogEntry(self.clock.now, level, text)
        self.entries.append(entry)
        if self.sink:
            for line in entry.lines():
                self.sink(line)
