"""Structures as Python uses them: bytes in user memory, typed fields, docstrings that tell the offsets."""

from __future__ import annotations

import ctypes
import importlib
import pkgutil
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.kernel import uapi
from soc.kernel.uapi.dma_heap import DmaHeapAllocationData
from soc.kernel.uapi.ion import IonAllocationData, IonCustomData, IonHeapData
from soc.kernel.uapi.layout import Field, fields, type_name
from soc.kernel.uapi.udmabuf import UdmabufCreateItem, UdmabufCreateList, udmabuf_create_list
from tests.uapi.c_compiler import structures

MODULES = [
    importlib.import_module(f"{uapi.__name__}.{found.name}") for found in pkgutil.iter_modules(uapi.__path__)
]
STRUCTURES = [structure for module in MODULES for structure in structures(module)]
each_structure = pytest.mark.parametrize(
    "structure",
    STRUCTURES,
    ids=lambda structure: f"{structure.__module__.rpartition('.')[2]}.{structure.__name__}",
)
PYTHON_TYPES = {"u32": "int", "s32": "int", "u64": "int", "char[32]": "bytes"}


@each_structure
def test_the_docstring_tells_name_size_and_every_offset(structure: type[ctypes.Structure]) -> None:
    text = structure.__doc__ or ""
    assert text.startswith(f"{type_name(structure)}, {ctypes.sizeof(structure)} bytes")
    told = re.findall(r"(\w+)@(\d+)", text)
    assert told == [(field.name, str(field.offset)) for field in fields(structure)]


@each_structure
def test_every_field_is_annotated_with_the_type_it_reads_as(structure: type[ctypes.Structure]) -> None:
    expected = {field.name: PYTHON_TYPES.get(field.type) for field in fields(structure)}
    if structure is UdmabufCreateList:
        expected["list"] = "Array[UdmabufCreateItem]"
    assert structure.__annotations__ == expected


@each_structure
def test_every_structure_is_little_endian(structure: type[ctypes.Structure]) -> None:
    assert issubclass(structure, ctypes.LittleEndianStructure)


@each_structure
@given(data=st.data())
def test_fields_read_the_bytes_at_their_offsets(
    structure: type[ctypes.Structure], data: st.DataObject
) -> None:
    raw = data.draw(st.binary(min_size=ctypes.sizeof(structure), max_size=ctypes.sizeof(structure)))
    value = structure.from_buffer_copy(raw)
    assert bytes(value) == raw
    for field in fields(structure):
        if not field.type.startswith("struct"):
            there = raw[field.offset : field.offset + field.size]
            signed = field.type == "s32"
            expected = (
                there.split(b"\0")[0]
                if "char" in field.type
                else int.from_bytes(there, "little", signed=signed)
            )
            assert getattr(value, field.name) == expected


def test_an_allocation_is_these_bytes() -> None:
    allocation = DmaHeapAllocationData(len=0x1122334455667788, fd=3, fd_flags=0x80002)
    assert bytes(allocation) == bytes.fromhex("8877665544332211 03000000 02000800 0000000000000000")


def test_padding_of_ion_is_zero_and_lies_where_a_64_bit_compiler_puts_it() -> None:
    assert bytes(IonCustomData(cmd=0x01020304, arg=5)) == bytes.fromhex("04030201 00000000 0500000000000000")
    assert bytes(IonAllocationData(handle=-1))[24:] == bytes.fromhex("ffffffff 00000000")


def test_a_name_ends_at_its_nul_and_has_32_bytes_at_most() -> None:
    heap = IonHeapData(name=b"system")
    assert heap.name == b"system"
    assert bytes(heap)[:32] == b"system" + bytes(26)
    heap.name = b"x" * 32
    assert heap.name == b"x" * 32
    with pytest.raises(ValueError, match="bytes too long"):
        heap.name = b"x" * 33


def test_a_list_is_its_head_and_its_items_one_after_the_other() -> None:
    items = [UdmabufCreateItem(memfd=3, size=4096), UdmabufCreateItem(memfd=4, offset=8192, size=4096)]
    argument = udmabuf_create_list(items, flags=1)
    head = UdmabufCreateList.from_buffer(argument)
    assert (len(argument), head.flags, head.count) == (56, 1, 2)
    assert argument[8:32] == bytes(items[0])
    assert argument[32:] == bytes(items[1])
    assert len(udmabuf_create_list([])) == 8


def test_a_layout_is_told_field_by_field() -> None:
    assert type_name(DmaHeapAllocationData) == "struct dma_heap_allocation_data"
    assert fields(DmaHeapAllocationData)[1] == Field("fd", "u32", 8, 4)
    assert type_name(UdmabufCreateItem * 3) == "struct udmabuf_create_item[3]"
    with pytest.raises(KeyError):
        type_name(ctypes.c_double)
