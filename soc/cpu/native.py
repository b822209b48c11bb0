"""The fast budget: blocks count themselves in x86-64 code.

A block hook may be any C function, so a stub of 30 bytes can count without
Python. Calling it costs a quarter of the speed of a tight loop, most of it the
call and not the counting. So the stub has each new block's counting site
rewritten once, in place, to a subtraction and a branch around both the call and
the engine's own check for a stop request; the slow path still goes through
both. A site of an unknown shape keeps the call: same counts, less speed.

    before                          after
    mov  rdi, engine                mov  rcx, cell
    mov  rsi, block address         sub  dword [rcx], size
    mov  edx, size                  jns  done
    lea  rcx, cell                  mov  edx, size
    call stub                       call stub
    mov  rdi, engine                mov  rdi, engine
    xor  esi, esi                   xor  esi, esi
    call check_exit_request         call check_exit_request
                                    done:
"""

from __future__ import annotations

import ctypes
import mmap
import struct

from unicorn import unicorn_const as const

from soc.cpu.budget import InstructionBudget
from soc.cpu.engine import Engine, library

STUB = bytes.fromhex(
    "833900"  # cmp  dword [rcx], 0          negative: a rewritten site has subtracted
    "780b"  # js   stop
    "2911"  # sub  [rcx], edx
    "7807"  # js   stop
    "488b3424"  # mov  rsi, [rsp]            the site's return address
    "ff6118"  # jmp  [rcx + 24]              rewrite(engine, return address, size, cell)
    "0111"  # stop: add [rcx], edx           this block does not run
    "c6411001"  # mov  byte [rcx + 16], 1
    "488b7920"  # mov  rdi, [rcx + 32]
    "ff6108"  # jmp  [rcx + 8]               uc_emu_stop(engine)
    "c3"  # ret                              what [rcx + 24] is when rewriting is off
)
RETURN = len(STUB) - 1

BEFORE, AFTER = 48, 24
"""Bytes of a site looked at on either side of its return address."""

CALL_NEAR, CALL_FAR = b"\xe8", b"\xff\x15"
XOR_ESI = b"\x33\xf6"
NOP = b"\x90"

REWRITE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint64)


class Cell(ctypes.Structure):
    """What the stub works on; the offsets are in its code."""

    _fields_ = (
        ("left", ctypes.c_int32),
        ("unused", ctypes.c_int32),
        ("stop", ctypes.c_void_p),
        ("exhausted", ctypes.c_uint8),
        ("rewrite", ctypes.c_void_p),
        ("engine", ctypes.c_uint64),
    )

    left: int
    exhausted: int
    stop: int | None
    rewrite: int | None
    engine: int


class NativeBudget(InstructionBudget):
    """Counts in generated code. Only under `pinned_wheel()`; OSError where code cannot be mapped."""

    def __init__(self, engine: Engine) -> None:
        self._code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._code.write(STUB)
        self._stub = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        self._marker = b"\x48\xbf" + struct.pack("<Q", engine.handle)
        self._check = ctypes.cast(library.helper_check_exit_request_aarch64, ctypes.c_void_p).value
        self._rewriter = REWRITE(self._rewrite)
        self.rewritten = 0
        self._cell = Cell(
            stop=ctypes.cast(library.uc_emu_stop, ctypes.c_void_p).value,
            rewrite=ctypes.cast(self._rewriter, ctypes.c_void_p).value,
            engine=engine.handle,
        )
        self.counter = ctypes.addressof(self._cell)
        engine.hook(const.UC_HOOK_BLOCK, ctypes.c_void_p(self._stub), data=self.counter)

    @property
    def name(self) -> str:  # type: ignore[override]
        inline = self._cell.rewrite != self._stub + RETURN
        return "x86-64 counter in the block" if inline else "x86-64 block hook"

    @property
    def left(self) -> int:
        return self._cell.left

    @left.setter
    def left(self, value: int) -> None:
        self._cell.left = value

    @property
    def exhausted(self) -> bool:
        return bool(self._cell.exhausted)

    def rearm(self) -> None:
        self._cell.exhausted = 0

    def _rewrite(self, engine: int, back: int, size: int, cell: int) -> None:
        """First run of a block: `back` is where its call of the stub returns to."""
        place = back - BEFORE
        site = ctypes.string_at(place, BEFORE + AFTER)
        start = site.rfind(self._marker, 0, BEFORE)
        call = BEFORE - (5 if site[BEFORE - 5 : BEFORE - 4] == CALL_NEAR else 6)
        done = self._end_of_check(site, back)
        fast = b"\x48\xb9" + struct.pack("<Q", cell) + b"\x81\x29" + struct.pack("<I", size)
        slow = b"\xba" + struct.pack("<I", size)
        code = fast + struct.pack("<Bb", 0x79, done - (start + len(fast) + 2)) + slow if done else b""
        if start < 0 or not code or start + len(code) > call:
            self._cell.rewrite = self._stub + RETURN
            return
        code += NOP * (call - start - len(code))
        ctypes.memmove(place + start, code, len(code))
        self.rewritten += 1

    def _end_of_check(self, site: bytes, back: int) -> int:
        """Where in `site` the engine's check ends, 0 if it is not what follows the call."""
        opcode = BEFORE + len(self._marker) + len(XOR_ESI)
        if site[BEFORE:opcode] != self._marker + XOR_ESI:
            return 0
        if site[opcode : opcode + 1] == CALL_NEAR:
            end = opcode + 5
            (offset,) = struct.unpack_from("<i", site, opcode + 1)
            target = back - BEFORE + end + offset
        elif site[opcode : opcode + 2] == CALL_FAR:
            end = opcode + 6
            (offset,) = struct.unpack_from("<i", site, opcode + 2)
            target = ctypes.c_uint64.from_address(back - BEFORE + end + offset).value
        else:
            return 0
        return end if target == self._check else 0
