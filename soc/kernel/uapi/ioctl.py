"""Ioctl numbers: direction, size of the argument, magic and number in one 32-bit word.

    31 30 | 29 .. 16 | 15 .. 8 | 7 .. 0
     dir  |   size   |  magic  |   nr

Directions are the user's: _IOW, the user writes the argument and the kernel reads it.
Source: include/uapi/asm-generic/ioctl.h.

Not modelled: architectures that place the direction elsewhere (MIPS, PowerPC, SPARC, Alpha).
"""
# ruff: noqa: N802 - the macros' own names

from __future__ import annotations

import ctypes
from typing import TypeAlias

Argument: TypeAlias = type[ctypes.Structure] | type[ctypes.c_uint32] | type[ctypes.c_uint64]
"""What an ioctl's argument points to."""

_IOC_NONE = 0
_IOC_WRITE = 1
_IOC_READ = 2

SIZE_BITS = 14
"""The size has this many bits: 16383 bytes at most."""


def _IOC(direction: int, magic: str, nr: int, size: int) -> int:
    """The number of these parts. ValueError for a part that has no room in its bits."""
    parts = (("direction", direction, 2), ("size", size, SIZE_BITS), ("magic", ord(magic), 8), ("nr", nr, 8))
    number = 0
    for name, value, bits in parts:
        if not 0 <= value < 1 << bits:
            raise ValueError(f"ioctl {name} must fit {bits} bits, not {value:#x}")
        number = number << bits | value
    return number


def _IO(magic: str, nr: int) -> int:
    """An ioctl without an argument in memory."""
    return _IOC(_IOC_NONE, magic, nr, 0)


def _IOR(magic: str, nr: int, argument: Argument) -> int:
    """An ioctl that fills in the user's `argument`."""
    return _IOC(_IOC_READ, magic, nr, ctypes.sizeof(argument))


def _IOW(magic: str, nr: int, argument: Argument) -> int:
    """An ioctl that takes the user's `argument`."""
    return _IOC(_IOC_WRITE, magic, nr, ctypes.sizeof(argument))


def _IOWR(magic: str, nr: int, argument: Argument) -> int:
    """An ioctl that takes the user's `argument` and fills it in."""
    return _IOC(_IOC_READ | _IOC_WRITE, magic, nr, ctypes.sizeof(argument))


def _IOC_DIR(cmd: int) -> int:
    """_IOC_NONE, or _IOC_READ and _IOC_WRITE or-ed."""
    return cmd >> 30 & 3


def _IOC_SIZE(cmd: int) -> int:
    """Bytes of the argument."""
    return cmd >> 16 & (1 << SIZE_BITS) - 1


def _IOC_TYPE(cmd: int) -> int:
    """The magic, as a byte."""
    return cmd >> 8 & 0xFF


def _IOC_NR(cmd: int) -> int:
    """The number within the magic."""
    return cmd & 0xFF
