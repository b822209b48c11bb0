"""The catalogue knows every ioctl of the modules, and says something useful of any number."""

from __future__ import annotations

import ctypes
import importlib
import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.kernel import uapi
from soc.kernel.uapi import dma_buf, dma_heap, ion, ion_4_12, ion_compat
from soc.kernel.uapi.catalogue import IOCTLS, Ioctl, decode, describe, lookup, named, table
from soc.kernel.uapi.ioctl import _IOC_SIZE, _IOC_TYPE
from tests.uapi.c_compiler import constants

MODULES = [
    importlib.import_module(f"{uapi.__name__}.{found.name}") for found in pkgutil.iter_modules(uapi.__path__)
]
MAGICS = [ord(magic) for magic in "bH>WuIDd"]
SPOKEN_FOR = {"DMA_BUF_SET_NAME_B": "DMA_BUF_SET_NAME", "COMPAT_ION_IOC_FREE": "ION_IOC_FREE"}
"""Two names for one number: the kernel cannot know which a program meant."""


def test_every_ioctl_of_every_module_is_in_the_catalogue_under_its_own_name() -> None:
    found = {
        (name, value)
        for module in MODULES
        for name, value in constants(module).items()
        if isinstance(value, int) and _IOC_TYPE(value) in MAGICS
    }
    assert found == {(row.name.removesuffix(" (4.12)"), row.number) for row in IOCTLS}
    assert len(found) == len(IOCTLS) == len({row.name for row in IOCTLS}) == 39


@pytest.mark.parametrize("row", IOCTLS, ids=lambda row: row.name)
def test_a_number_is_described_by_its_name(row: Ioctl) -> None:
    assert describe(row.number) == SPOKEN_FOR.get(row.name, row.name)
    assert named(row.name) is row
    known = lookup(row.number)
    assert known is not None and known.number == row.number


def test_an_argument_has_the_size_that_is_in_the_number() -> None:

    for row in IOCTLS:
        if row.argument is not None:
            assert ctypes.sizeof(row.argument) == _IOC_SIZE(row.number), row.name
    without = [row.name for row in IOCTLS if row.argument is None]
    assert without == ["DMA_BUF_SET_NAME", "DMA_BUF_SET_NAME_A", "DMA_BUF_SET_NAME_B", "ION_IOC_TEST_SET_FD"]


def test_both_generations_of_ion_and_32_bit_programs_are_told_apart() -> None:
    assert describe(ion.ION_IOC_ALLOC) == "ION_IOC_ALLOC"
    assert describe(ion_4_12.ION_IOC_ALLOC) == "ION_IOC_ALLOC (4.12)"
    assert describe(ion_compat.COMPAT_ION_IOC_ALLOC) == "COMPAT_ION_IOC_ALLOC"
    assert describe(dma_buf.DMA_BUF_SET_NAME_A) == "DMA_BUF_SET_NAME_A"
    known = lookup(ion_4_12.ION_IOC_ALLOC)
    assert known is not None and known.argument is ion_4_12.IonAllocationData


@pytest.mark.parametrize(
    ("cmd", "text"),
    [
        (0xC0304800, "0xc0304800 (_IOWR('H', 0, 48 bytes), a variant of DMA_HEAP_IOCTL_ALLOC)"),
        (0x40184800, "0x40184800 (_IOW('H', 0, 24 bytes), a variant of DMA_HEAP_IOCTL_ALLOC)"),
        (0x80086201, "0x80086201 (_IOR('b', 1, 8 bytes), a variant of DMA_BUF_SET_NAME)"),
        (0xC0084903, "0xc0084903 (_IOWR('I', 3, 8 bytes))"),
        (0xC0184801, "0xc0184801 (_IOWR('H', 1, 24 bytes))"),
        (0x49FF, "0x000049ff (_IO('I', 255))"),
        (0, "0x00000000 (_IO(0x00, 0))"),
        (0x00040000, "0x00040000 (_IO(0x00, 0, 4 bytes))"),
        (0x8004E901, "0x8004e901 (_IOR(0xe9, 1, 4 bytes))"),
        (0xFFFFFFFF, "0xffffffff (_IOWR(0xff, 255, 16383 bytes))"),
    ],
)
def test_an_unknown_number_is_taken_apart_and_compared_with_what_there_is(cmd: int, text: str) -> None:
    assert lookup(cmd) is None
    assert describe(cmd) == text


@given(st.integers(0, (1 << 32) - 1))
def test_every_number_has_a_description(cmd: int) -> None:
    known = lookup(cmd)
    if known is None:
        assert describe(cmd).startswith(f"{cmd:#010x} ({decode(cmd)}")
    else:
        assert known.number == cmd
    assert decode(cmd).split("(")[0] == ("_IO", "_IOW", "_IOR", "_IOWR")[cmd >> 30]


def test_the_table_has_a_line_for_each() -> None:
    lines = table().splitlines()
    assert len(lines) == len(IOCTLS)
    allocation = (
        "struct dma_heap_allocation_data, 24 bytes: len u64@0, fd u32@8, fd_flags u32@12, heap_flags u64@16"
    )
    assert f"{dma_heap.DMA_HEAP_IOCTL_ALLOC:#010x} DMA_HEAP_IOCTL_ALLOC: {allocation}" in lines
    assert "0x40045701 SW_SYNC_IOC_INC: u32, 4 bytes" in lines
    assert "0x000049f0 ION_IOC_TEST_SET_FD" in lines
