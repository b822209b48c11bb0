"""System calls without Python: x86-64 code in front of the interrupt hook.

A supervisor call goes from the hook straight to the engine's own exception
entry and is charged to the budget's counter; every other exception goes on to
the callback. A program makes a million calls a second, and a callback alone
would take longer than QEMU takes for the whole call.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

from unicorn import unicorn_const as const

from soc.cpu.budget import EXCEPTION_COST, INSTRUCTION
from soc.cpu.engine import SUPERVISOR_CALL, Engine, library
from soc.cpu.wheel import cpu_state

CHARGE = EXCEPTION_COST * INSTRUCTION
"""Bytes of code that a call is charged as."""

STUB = bytes.fromhex(
    f"83fe{SUPERVISOR_CALL:02x}"  # cmp  esi, SUPERVISOR_CALL
    "751d"  # jne  other
    "488b02"  # mov  rax, [rdx]             the budget's counter
    "4885c0"  # test rax, rax
    "740e"  # je   enter
    f"8128{CHARGE.to_bytes(4, 'little').hex()}"  # sub  dword [rax], CHARGE
    "7906"  # jns  enter
    "c70000000000"  # mov  dword [rax], 0
    "488b7a08"  # enter: mov rdi, [rdx + 8]  the engine's CPU state
    "ff6210"  # jmp  [rdx + 16]             arm_cpu_do_interrupt(state)
    "ff6218"  # other: jmp [rdx + 24]       callback(engine, number, data)
)


class Targets(ctypes.Structure):
    """What the stub works on; the offsets are in its code."""

    _fields_ = (
        ("counter", ctypes.c_void_p),
        ("state", ctypes.c_void_p),
        ("enter", ctypes.c_void_p),
        ("callback", ctypes.c_void_p),
    )


class NativeCalls:
    """Only under `pinned_wheel()`; OSError where code cannot be mapped. To be kept as long as `engine`.

    `counter` is the address of what the budget has left in bytes of code, 0 if nothing is counted.
    """

    def __init__(self, engine: Engine, callback: Any, counter: int) -> None:
        self._code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._code.write(STUB)
        self._callback = callback
        self._targets = Targets(
            counter=counter,
            state=cpu_state(engine),
            enter=ctypes.cast(library.arm_cpu_do_interrupt_aarch64, ctypes.c_void_p).value,
            callback=ctypes.cast(callback, ctypes.c_void_p).value,
        )
        stub = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        engine.hook(const.UC_HOOK_INTR, ctypes.c_void_p(stub), data=ctypes.addressof(self._targets))
