"""The flattened device tree format: big-endian words in three blocks behind a header.

Source: Devicetree Specification v0.4 chapter 5; the order of the blocks and
the sharing of strings (a name may be the end of an earlier one) are those of
dtc, so that equal trees are equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import pack

MAGIC = 0xD00DFEED
VERSION = 17
LAST_COMPATIBLE_VERSION = 16
HEADER_SIZE = 40
RESERVATION_SIZE = 16

BEGIN_NODE = 1
END_NODE = 2
PROP = 3
NOP = 4
END = 9


class Writer:
    """A flattened tree under construction: nodes and properties in their order, then `blob`."""

    def __init__(self) -> None:
        self._structure = bytearray()
        self._strings = bytearray()

    def begin_node(self, name: str) -> None:
        self._structure += pack(">I", BEGIN_NODE) + _padded(name.encode("ascii") + b"\0")

    def property(self, name: str, value: bytes) -> None:
        self._structure += pack(">III", PROP, len(value), self._string(name)) + _padded(value)

    def end_node(self) -> None:
        self._structure += pack(">I", END_NODE)

    def blob(self, reservations: Iterable[tuple[int, int]] = (), boot_cpu: int = 0) -> bytes:
        """The whole: `reservations` are (address, size) of 64 bits, `boot_cpu` the boot CPU's reg."""
        reserved = b"".join(pack(">QQ", *entry) for entry in [*reservations, (0, 0)])
        structure = bytes(self._structure) + pack(">I", END)
        at_structure = HEADER_SIZE + len(reserved)
        at_strings = at_structure + len(structure)
        total = at_strings + len(self._strings)
        offsets = (total, at_structure, at_strings, HEADER_SIZE)
        versions = (VERSION, LAST_COMPATIBLE_VERSION, boot_cpu)
        header = pack(">10I", MAGIC, *offsets, *versions, len(self._strings), len(structure))
        return header + reserved + structure + bytes(self._strings)

    def _string(self, name: str) -> int:
        """Where `name` is among the strings, added when it is new."""
        entry = name.encode("ascii") + b"\0"
        at = self._strings.find(entry)
        if at < 0:
            at = len(self._strings)
            self._strings += entry
        return at


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
