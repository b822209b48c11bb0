"""Budgets: stop the engine after a number of instructions, exactly.

The unit is the translated block: a block runs only if all of it is still
within the budget, so a stop is always at the start of a block and the count is
exact. A block cut short by an exception counts whole. Both ways count alike,
so the trace of a run does not depend on which one was used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from unicorn import unicorn_const as const

from soc.cpu.engine import ON_BLOCK, Engine

INSTRUCTION = 4
"""Bytes of one A64 instruction."""

LARGEST = (1 << 31) // INSTRUCTION - 1
"""Most instructions a single grant can hold."""


class Budget(ABC):
    """What is left of a grant of instructions. `name` describes the way in a few words."""

    name: str
    counter: int | None = None
    """Address of `left` as a 32-bit number, 0 where nothing is counted, None where code cannot reach it."""

    def __init__(self) -> None:
        self.granted = 0

    @property
    @abstractmethod
    def left(self) -> int:
        """Bytes of code that may still run."""

    @left.setter
    @abstractmethod
    def left(self, value: int) -> None: ...

    @property
    @abstractmethod
    def exhausted(self) -> bool:
        """Whether the engine was stopped because a block did not fit any more."""

    @abstractmethod
    def rearm(self) -> None:
        """Forget that it was exhausted."""

    def grant(self, instructions: int) -> None:
        """Start a slice of at most `LARGEST` instructions."""
        self.granted = instructions
        self.left = instructions * INSTRUCTION
        self.rearm()

    @property
    def spent(self) -> int:
        """Instructions run since the grant, the present block included whole."""
        return self.granted - self.left // INSTRUCTION

    @property
    def used(self) -> int:
        """What the slice took: all of it where no further block fitted in."""
        return self.granted if self.exhausted else self.spent

    def charge(self, instructions: int) -> None:
        """Let time pass that no instruction is counted for."""
        self.left = max(0, self.left - instructions * INSTRUCTION)

    def limit(self, instructions: int) -> None:
        """Shorten the grant to `instructions`, or to what is spent already."""
        total = max(self.spent, min(instructions, self.granted))
        self.left = (total - self.spent) * INSTRUCTION
        self.granted = total

    def cut(self) -> None:
        """Stop before the next block."""
        self.limit(0)

    def settle(self) -> None:  # noqa: B027 - nothing to do for one that counts
        """The engine has stopped."""


class CallbackBudget(Budget):
    """The portable way: a Python callback per block, public API only."""

    name = "block callback"

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._left = 0
        self._exhausted = False
        self._stop = engine.stop
        engine.hook(const.UC_HOOK_BLOCK, ON_BLOCK(self._enter))

    @property
    def left(self) -> int:
        return self._left

    @left.setter
    def left(self, value: int) -> None:
        self._left = value

    @property
    def exhausted(self) -> bool:
        return self._exhausted

    def rearm(self) -> None:
        self._exhausted = False

    def _enter(self, handle: int, address: int, size: int, data: int) -> None:
        if self._left < size:
            self._exhausted = True
            self._stop()
        else:
            self._left -= size
