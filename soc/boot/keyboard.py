"""Standard input as a keyboard: raw where it is a terminal, with Ctrl-A X to leave."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
from types import TracebackType

PIECE = 4096
CTRL_A = 0x01
SECOND = 1_000_000_000
HELP = b"\r\nCtrl-A X leaves, Ctrl-A Ctrl-A sends Ctrl-A\r\n"


class Keyboard:
    """A context around the file descriptor `fd`; None is a keyboard that nobody sits at.

    `read()` never waits; `wait(ns)` sleeps on the host until something is typed.
    `terminal` is whether a person sits there; `left` becomes true at Ctrl-A X.
    """

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        self.terminal = self._fd is not None and os.isatty(self._fd)
        self.left = False
        self._escaped = False
        self._before: list[int | list[bytes | int]] | None = None

    @property
    def open(self) -> bool:
        """Whether anything may still be typed."""
        return self._fd is not None

    def __enter__(self) -> Keyboard:
        if self.terminal and self._fd is not None:
            self._before = termios.tcgetattr(self._fd)
            raw = termios.tcgetattr(self._fd)
            raw[0] &= ~(termios.ICRNL | termios.IXON)
            raw[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
            termios.tcsetattr(self._fd, termios.TCSADRAIN, raw)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None and self._fd is not None:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def read(self) -> bytes:
        """What was typed since the last call; nothing after the end of input."""
        if not self._ready(0) or self._fd is None:
            return b""
        try:
            data = os.read(self._fd, PIECE)
        except OSError:  # the line was cut
            data = b""
        if not data:
            self._fd = None
        return self._without_commands(data) if self.terminal else data

    def wait(self, nanoseconds: int) -> int:
        """Sleep at most so long; how long it was."""
        start = time.perf_counter_ns()
        if self._fd is not None:
            self._ready(nanoseconds / SECOND)
        else:
            time.sleep(nanoseconds / SECOND)
        return time.perf_counter_ns() - start

    def _ready(self, seconds: float) -> bool:
        return self._fd is not None and bool(select.select([self._fd], [], [], seconds)[0])

    def _without_commands(self, data: bytes) -> bytes:
        """What is for the guest."""
        kept = bytearray()
        for byte in data:
            if not self._escaped:
                self._escaped = byte == CTRL_A
                if not self._escaped:
                    kept.append(byte)
                continue
            self._escaped = False
            if byte in b"xX":
                self.left = True
            elif byte == CTRL_A:
                kept.append(byte)
            else:
                os.write(sys.stderr.fileno(), HELP)
        return bytes(kept)


def standard_input() -> int | None:
    """Its file descriptor, None where this process has none."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        return None
