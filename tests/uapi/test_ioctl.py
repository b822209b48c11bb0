"""The macros that put ioctl numbers together and take them apart."""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_char, c_uint32, c_uint64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.kernel.uapi.ioctl import (
    _IO,
    _IOC,
    _IOC_DIR,
    _IOC_NONE,
    _IOC_NR,
    _IOC_READ,
    _IOC_SIZE,
    _IOC_TYPE,
    _IOC_WRITE,
    _IOR,
    _IOW,
    _IOWR,
)


class Largest(LittleEndianStructure):
    _fields_ = (("body", c_char * 16383),)


class TooLarge(LittleEndianStructure):
    _fields_ = (("body", c_char * 16384),)


def test_each_macro_has_its_direction_size_magic_and_number() -> None:
    assert _IO("I", 0xF0) == 0x0000_49F0
    assert _IOR("I", 9, c_uint32) == 0x8004_4909
    assert _IOW("W", 1, c_uint32) == 0x4004_5701
    assert _IOWR("b", 2, c_uint64) == 0xC008_6202
    assert (_IOC_NONE, _IOC_WRITE, _IOC_READ) == (0, 1, 2)


@given(st.integers(0, 3), st.characters(max_codepoint=255), st.integers(0, 255), st.integers(0, 16383))
def test_what_was_put_together_comes_apart_again(direction: int, magic: str, nr: int, size: int) -> None:
    cmd = _IOC(direction, magic, nr, size)
    assert 0 <= cmd < 1 << 32
    assert (_IOC_DIR(cmd), _IOC_TYPE(cmd), _IOC_NR(cmd), _IOC_SIZE(cmd)) == (direction, ord(magic), nr, size)


@given(st.integers(0, (1 << 32) - 1))
def test_every_32_bit_word_is_some_ioctl_number(cmd: int) -> None:
    assert _IOC(_IOC_DIR(cmd), chr(_IOC_TYPE(cmd)), _IOC_NR(cmd), _IOC_SIZE(cmd)) == cmd


def test_an_argument_has_16383_bytes_at_most() -> None:
    assert _IOC_SIZE(_IOW("x", 0, Largest)) == 16383
    with pytest.raises(ValueError, match=r"^ioctl size must fit 14 bits, not 0x4000$"):
        _IOW("x", 0, TooLarge)


@pytest.mark.parametrize(
    ("direction", "magic", "nr", "message"),
    [
        (4, "x", 0, "ioctl direction must fit 2 bits, not 0x4"),
        (0, "\u0100", 0, "ioctl magic must fit 8 bits, not 0x100"),
        (0, "x", 256, "ioctl nr must fit 8 bits, not 0x100"),
        (0, "x", -1, "ioctl nr must fit 8 bits, not -0x1"),
    ],
)
def test_a_part_without_room_is_refused_by_name(direction: int, magic: str, nr: int, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        _IOC(direction, magic, nr, 0)
    assert str(refused.value) == message
