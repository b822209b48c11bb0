"""Who makes this access: the pc inside a window's callback.

The engine keeps the pc of the block it runs, not of the instruction. The fast
way hands the host address of the access to the engine's own state restoring,
as the engine does for a fault; the portable way answers the block's start.
"""

from __future__ import annotations

import ctypes
from typing import Protocol

from soc.cpu.engine import Engine, library
from soc.cpu.wheel import cpu_state, io_return


class Locator(Protocol):
    """`exact` is False when `pc` answers the first instruction of the block."""

    exact: bool

    def pc(self) -> int: ...

    def forget(self) -> None:
        """Generated code may have moved."""
        ...


class BlockLocator:
    """The start of the block, public API only."""

    exact = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def pc(self) -> int:
        return self._engine.pc

    def forget(self) -> None:
        pass


class AccessLocator:
    """The instruction itself. Only under `pinned_wheel()`."""

    exact = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._state = ctypes.c_void_p(cpu_state(engine))
        self._return = io_return(engine)
        self._known: dict[int, int] = {}
        self._flushes = 0
        self._restore = library.cpu_restore_state_aarch64
        self._restore.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_bool)
        self._restore.restype = ctypes.c_bool

    def pc(self) -> int:
        if self._flushes != self._engine.flushes:
            self._flushes = self._engine.flushes
            self._known.clear()
        back = self._return.value
        known = self._known.get(back)
        if known is None:
            self._restore(self._state, back, False)
            known = self._known[back] = self._engine.pc
        return known

    def forget(self) -> None:
        self._known.clear()
