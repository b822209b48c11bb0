"""A structure's layout in the kernel's words: `dma_heap_allocation_data`, `len u64@0`.

fields(DmaHeapAllocationData)[1]    -> Field(name="fd", type="u32", offset=8, size=4)
type_name(DmaHeapAllocationData)    -> "struct dma_heap_allocation_data"
describe_layout(...)                -> "24 bytes: len u64@0, fd u32@8, fd_flags u32@12, heap_flags u64@16"
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any

from soc.kernel.uapi.ioctl import Argument

SCALARS = {
    ctypes.c_char: "char",
    ctypes.c_int32: "s32",
    ctypes.c_uint32: "u32",
    ctypes.c_uint64: "u64",
}


@dataclass(frozen=True)
class Field:
    """One field; `offset` and `size` in bytes, `type` as type_name words it."""

    name: str
    type: str
    offset: int
    size: int


def type_name(argument: Any) -> str:
    """The kernel's word for a ctypes class: `u32`, `char[32]`, `struct ion_fd_data`.

    KeyError for a scalar that no structure of a user ABI here has.
    """
    if issubclass(argument, ctypes.Array):
        return f"{type_name(argument._type_)}[{argument._length_}]"
    if issubclass(argument, ctypes.Structure):
        return "struct " + re.sub(r"(?<!^)(?=[A-Z])", "_", argument.__name__).lower()
    return SCALARS[argument]


def fields(structure: type[ctypes.Structure]) -> list[Field]:
    """The fields in order of their offsets."""
    members = [(member[0], type_name(member[1])) for member in structure._fields_]
    places = [getattr(structure, name) for name, _ in members]
    return [Field(*member, place.offset, place.size) for member, place in zip(members, places, strict=True)]


def describe_layout(argument: Argument) -> str:
    """The size and each field of a structure in one line; only the size of a plain integer."""
    size = f"{ctypes.sizeof(argument)} bytes"
    if not issubclass(argument, ctypes.Structure):
        return size
    return f"{size}: " + ", ".join(f"{field.name} {field.type}@{field.offset}" for field in fields(argument))
