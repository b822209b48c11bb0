"""Running a booted machine to its end, with a terminal at its console."""

from __future__ import annotations

import gc
from collections.abc import Callable

from soc.boot.assemble import Booted, Plan, assemble
from soc.boot.ending import PANICS, Ending, Outcome, report
from soc.boot.keyboard import Keyboard
from soc.boot.screen import Screen
from soc.boot.terminal import Terminal
from soc.clock import SECOND
from soc.processor import StopReason

FOREVER = 1 << 62
PATIENCE = 50_000_000
"""Nanoseconds of the host between two looks at a guest that only a key could wake."""

ENDINGS = {
    StopReason.POWER_OFF: Ending.POWER_OFF,
    StopReason.RESET: Ending.RESET,
    StopReason.HALTED: Ending.HALTED,
}


class Boot:
    """One machine and its successors after a reset; `booted` is the present one."""

    def __init__(
        self,
        plan: Plan,
        terminal: Terminal,
        keyboard: Keyboard,
        interrupted: Callable[[], bool],
        screen: Screen | None = None,
    ) -> None:
        self._plan = plan
        self._terminal = terminal
        self._keyboard = keyboard
        self._interrupted = interrupted
        self._screen = screen
        self._time = 0
        self.booted = self._power_on()

    def run(self) -> Outcome:
        """To the end. KeyboardInterrupt once `interrupted()`."""
        while True:
            ending = self._run_once()
            now = self._time + self.booted.machine.clock.now
            if ending is not Ending.RESET or not self._plan.request.reboot:
                return Outcome(ending, now, self._report(ending))
            self._time = now
            self._power_off()
            self.booted = self._power_on()

    def _power_off(self) -> None:
        """Give the machine's memory back now: its engine and their callbacks hold each other."""
        self.booted.machine.close()
        del self.booted
        self._terminal.disconnect()
        gc.collect()

    def _report(self, ending: Ending) -> tuple[str, ...]:
        if ending in (Ending.POWER_OFF, Ending.LEFT):
            return ()
        lines = report(self.booted, self._plan.symbols)
        for answer in self._terminal.unanswered[:1]:
            lines += (f"  never printed {answer.prompt.decode(errors='backslashreplace')!r}",)
        return lines

    def _power_on(self) -> Booted:
        booted = assemble(self._plan)
        booted.machine.interrupted = self._interrupted
        self._terminal.connect(booted.uart)
        if self._screen is not None:
            self._screen.watch(booted.machine)
        if self._keyboard.terminal:
            booted.guest.pause = self._keyboard.wait
        return booted

    def _run_once(self) -> Ending:
        limit = self._plan.request.max_time
        until = FOREVER if limit is None else max(0, int(limit * SECOND) - self._time)
        found: list[Ending] = []

        def stop() -> bool:
            ending = self._look()
            if ending is not None:
                found.append(ending)
            return ending is not None

        try:
            reason = self.booted.machine.run(until, stop)
        finally:
            self._terminal.flush()
        if found:
            return found[0]
        return Ending.TIME if reason is None else ENDINGS[reason]

    def _look(self) -> Ending | None:
        """Between two slices: what was typed, and whether there is a reason to end."""
        wanted = self._terminal.idle or self._keyboard.terminal
        if wanted and (data := self._keyboard.read()):
            self._terminal.type(data)
        self._terminal.feed()
        self._terminal.flush()
        if self._keyboard.left:
            return Ending.LEFT
        if any(text in self._terminal.recent for text in PANICS):
            return Ending.PANIC
        if self.booted.guest.locked_up_for_ever:
            return Ending.LOCKED_UP
        if self.booted.guest.asleep_for_ever:
            if not wanted or not self._keyboard.open:
                return Ending.ASLEEP
            self._keyboard.wait(PATIENCE)
        return None
