"""What is on its way through a pseudo-terminal."""

from __future__ import annotations

import fcntl
import sys
import termios


def waiting(terminal: int) -> int:
    """Bytes that could be read from this end."""
    return int.from_bytes(fcntl.ioctl(terminal, termios.FIONREAD, bytes(4)), sys.byteorder)
