"""Insides of the one build of the engine that the fast ways are for.

Offsets into its structs, computed from its sources and checked against its code.
Nothing here may be called unless `pinned_wheel()`.
"""

from __future__ import annotations

import ctypes
import platform
import sys

from unicorn.unicorn_py3 import unicorn as binding

from soc.cpu.engine import Engine

PINNED = 0x0201_04FF
"""uc_version() of the wheel (2.1.4) whose struct offsets the next are."""

CPU_STATE, NO_EXIT_REQUEST = 440, 2034
"""In the engine's handle."""

INTERRUPT_REQUEST, IO_RETURN, REGISTER_TABLE = 28, 33144, 54544
"""In CPUState."""


def pinned_wheel() -> bool:
    """Whether the struct offsets and machine-code shapes known here can hold."""
    combined = binding.uc_version()[2]
    return combined == PINNED and platform.machine() == "x86_64" and sys.platform == "linux"


def cpu_state(engine: Engine) -> int:
    """Address of the CPUState struct."""
    return ctypes.c_uint64.from_address(engine.handle + CPU_STATE).value


def io_return(engine: Engine) -> ctypes.c_uint64:
    """Where the engine keeps the host address of the access being served."""
    return ctypes.c_uint64.from_address(cpu_state(engine) + IO_RETURN)


def interrupt_requests(engine: Engine) -> ctypes.c_uint32:
    """The engine's pending interrupts, a bit for each kind."""
    return ctypes.c_uint32.from_address(cpu_state(engine) + INTERRUPT_REQUEST)


def register_table(engine: Engine) -> int:
    """Address of the table of system registers."""
    return ctypes.c_uint64.from_address(cpu_state(engine) + REGISTER_TABLE).value


def run_blocks_whole(engine: Engine) -> None:
    """Look for a stop at the start of a block only, not after each access to memory.

    Faster, and a stop that comes at any time repeats nothing. Before the first translation.
    """
    ctypes.c_uint8.from_address(engine.handle + NO_EXIT_REQUEST).value = 1
