"""What the ledger knows of one mapping, and how messages spell it.

Source: struct dma_debug_entry and the messages of kernel/dma/debug.c.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from soc.kernel.dma.attrs import ADDRESS_MASK
from soc.kernel.scatterlist import DmaDirection, Ints

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.dma.debug.cachelines import Held


class MapType(Enum):
    """Which family of functions made a mapping; the value is its word in messages."""

    SINGLE = "single"
    SCATTER_GATHER = "scatter-gather"
    COHERENT = "coherent"
    RESOURCE = "resource"


class ErrorCheck(Enum):
    """Whether the driver asked dma_mapping_error; the value is its words in the dump."""

    NOT_APPLICABLE = "dma map error check not applicable"
    NOT_CHECKED = "dma map error not checked"
    CHECKED = "dma map error checked"


@dataclass(eq=False, slots=True)
class Entry:
    """One mapping of `device`, or what a call claims about one.

    `addresses` and `lengths` are its DMA segments in bytes, shape (n,), n > 0; `physical` is the
    first byte, for coherent memory its CPU address; `entries` counts the CPU side of a
    scatter-gather list, else 0; `what` and `time` (ns) say whose memory it is and when it was
    mapped; `held` its cache lines.
    """

    type: MapType
    device: Device
    direction: DmaDirection
    addresses: Ints
    lengths: Ints
    physical: int = 0
    entries: int = 0
    what: str = ""
    time: int = 0
    check: ErrorCheck = ErrorCheck.NOT_APPLICABLE
    held: Held | None = None
    address: int = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        """`address` and `size` are those of the first segment, which messages name."""
        self.address = int(self.addresses[0]) & ADDRESS_MASK
        self.size = int(self.lengths[0])

    @property
    def count(self) -> int:
        """DMA segments, each of which takes one entry of the ledger."""
        return len(self.addresses)

    def part(self, index: int) -> Entry:
        """The claim about one segment alone."""
        if self.count == 1:
            return self
        alone = slice(index, index + 1)
        addresses, lengths = self.addresses[alone], self.lengths[alone]
        return Entry(self.type, self.device, self.direction, addresses, lengths, entries=self.entries)

    def same_segments(self, other: Entry) -> bool:
        """Whether both are the same DMA addresses and lengths."""
        same = np.array_equal(self.addresses, other.addresses)
        return same and np.array_equal(self.lengths, other.lengths)

    def segment(self, address: int) -> int | None:
        """The segment that holds the byte at `address`."""
        if self.count == 1:
            return 0 if self.address <= address < self.address + self.size else None
        inside = np.flatnonzero((self.addresses <= address) & (address < self.addresses + self.lengths))
        return int(inside[0]) if len(inside) else None


def one(address: int, size: int) -> tuple[Ints, Ints]:
    """A single segment as arrays; an address, or a size, of 64 bits keeps its bit pattern."""
    return np.array([_signed(address)], dtype=np.int64), np.array([_signed(size)], dtype=np.int64)


def _signed(value: int) -> int:
    """The low 64 bits of `value` as a signed number."""
    return ((value & ADDRESS_MASK) ^ 1 << 63) - (1 << 63)


def at(address: int, size: int) -> str:
    """`[device address=0x...] [size=... bytes]`."""
    return f"{device_address(address)} [size={size} bytes]"


def device_address(address: int) -> str:
    return f"[device address={address & ADDRESS_MASK:#018x}]"


def spell(direction: DmaDirection) -> str:
    """As enum dma_data_direction does: DMA_TO_DEVICE."""
    return f"DMA_{direction.name}"
