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

EXCEPTION_COST = 32
"""Instructions' worth of time an exception takes; it bounds a storm of them."""

LARGEST = (1 << 31) // INSTRUCTION - 1
"""Most instructions a single grant can hold."""


class Budget(ABC):
    """A grant for one slice of the engine. `name` describes the way in a few words."""

    name: str
    counter: int | None = None
    """Address of a 32-bit number of bytes of code that may still run, for generated code to
    charge; 0 where nothing is counted, None where code cannot reach it."""

    granted = 0

    @abstractmethod
    def grant(self, instructions: int) -> None:
        """Start a slice of at most `LARGEST` instructions."""

    @property
    @abstractmethod
    def spent(self) -> int:
        """Instructions run since the grant, the present block included whole."""

    @property
    @abstractmethod
    def exhausted(self) -> bool:
        """Whether the engine was stopped because the grant was used up."""

    @property
    @abstractmethod
    def used(self) -> int:
        """What the slice took, once it is settled."""

    @abstractmethod
    def charge(self, instructions: int) -> None:
        """Let time pass that no instruction is counted for."""

    @abstractmethod
    def limit(self, instructions: int) -> None:
        """Shorten the grant to `instructions`, or to what is spent already."""

    @abstractmethod
    def cut(self) -> None:
        """Stop before the next block."""

    @abstractmethod
    def settle(self) -> None:
        """The engine has stopped."""


class InstructionBudget(Budget):
    """One that counts. What is left is kept in bytes of code."""

    @property
    @abstractmethod
    def left(self) -> int:
        """Bytes of code that may still run."""

    @left.setter
    @abstractmethod
    def left(self, value: int) -> None: ...

    @abstractmethod
    def rearm(self) -> None:
        """Forget that it was exhausted."""

    def grant(self, instructions: int) -> None:
        self.granted = instructions
        self.left = instructions * INSTRUCTION
        self.rearm()

    @property
    def spent(self) -> int:
        return self.granted - self.left // INSTRUCTION

    @property
    def used(self) -> int:
        """All of the grant where no further block fitted in."""
        return self.granted if self.exhausted else self.spent

    def charge(self, instructions: int) -> None:
        self.left = max(0, self.left - instructions * INSTRUCTION)

    def limit(self, instructions: int) -> None:
        total = max(self.spent, min(instructions, self.granted))
        self.left = (total - self.spent) * INSTRUCTION
        self.granted = total

    def cut(self) -> None:
        self.limit(0)

    def settle(self) -> None:
        pass


class CallbackBudget(InstructionBudget):
    """The portable way: a Python callback per block, public API only."""

    name = "block callback"

    def __init__(self, engine: Engine) -> None:
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
