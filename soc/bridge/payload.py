"""The payloads that are more than text, packed and checked."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from soc.bridge.protocol import MOST_PAYLOAD, ProtocolError

PAGE = 4096
MOST_BYTES = 1 << 40
MOST_NAME = 63


class Run(NamedTuple):
    """`size` bytes from `offset` of the file that is number `file` of the message; whole pages."""

    file: int
    offset: int
    size: int


class Way(IntEnum):
    """How a buffer is handed out: as pages of memfds, which show more, or as a dma-buf of the host."""

    MEMFD = 0
    DMA_BUF = 1


RUN = struct.Struct("<IQQ")
OFFER = struct.Struct("<IQB")
CONFIRMATION = struct.Struct("<Ii")
TICKET = struct.Struct("<I")
INO = struct.Struct("<Q")
LENGTH = struct.Struct("<B")
MOST_RUNS = (MOST_PAYLOAD - 128) // RUN.size
"""Runs that fit into a message, whatever else is in it."""


@dataclass(frozen=True)
class Offer:
    """A buffer on its way to a client: `ticket` names this hand-over, `ino` the buffer."""

    ticket: int
    ino: int
    way: Way
    runs: tuple[Run, ...]

    def pack(self) -> bytes:
        return OFFER.pack(self.ticket, self.ino, self.way) + pack_runs(self.runs)

    @classmethod
    def unpack(cls, data: bytes, files: int) -> Offer:
        """ProtocolError."""
        ticket, ino, way = _head(OFFER, data)
        if way not in Way.__members__.values():
            raise ProtocolError(f"unknown way {way} to hand out a buffer")
        return cls(ticket, ino, Way(way), unpack_runs(data[OFFER.size :], files))


@dataclass(frozen=True)
class Gift:
    """Memory on its way from a client, under a name."""

    name: str
    runs: tuple[Run, ...]

    def pack(self) -> bytes:
        name = self.name.encode()
        if len(name) > MOST_NAME:
            raise ProtocolError(f"the name {self.name!r} is longer than {MOST_NAME} bytes")
        return LENGTH.pack(len(name)) + name + pack_runs(self.runs)

    @classmethod
    def unpack(cls, data: bytes, files: int) -> Gift:
        """ProtocolError."""
        (length,) = _head(LENGTH, data)
        name, runs = data[1 : 1 + length], data[1 + length :]
        if len(name) != length:
            raise ProtocolError("a name is cut off")
        try:
            return cls(check_name(name.decode()), unpack_runs(runs, files))
        except UnicodeDecodeError:
            raise ProtocolError("a name is not UTF-8") from None


def check_name(name: str) -> str:
    """A name is 1 to 63 bytes that can be printed on one line. ProtocolError."""
    if not name.isprintable() or not 0 < len(name.encode()) <= MOST_NAME:
        raise ProtocolError(f"{name[:MOST_NAME]!r} is no name: it has 1 to {MOST_NAME} bytes, all printable")
    return name


def unpack_exactly(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    """A payload that is one structure. ProtocolError."""
    if len(data) != layout.size:
        raise ProtocolError(f"a payload of {len(data)} bytes, it should have {layout.size}")
    return layout.unpack(data)


def pack_runs(runs: Sequence[Run]) -> bytes:
    return b"".join(RUN.pack(*run) for run in runs)


def unpack_runs(data: bytes, files: int) -> tuple[Run, ...]:
    """At least one run, in whole pages of `files` files. ProtocolError."""
    if not data or len(data) % RUN.size:
        raise ProtocolError(f"{len(data)} bytes are no list of runs of {RUN.size} bytes each")
    runs = tuple(Run(*values) for values in RUN.iter_unpack(data))
    for run in runs:
        if run.file >= files:
            raise ProtocolError(f"a run of file {run.file} in a message with {files}")
        if (run.offset | run.size) % PAGE or not run.size or run.offset + run.size > MOST_BYTES:
            raise ProtocolError(f"a run of {run.size} bytes at {run.offset} is not whole pages")
    return runs


def _head(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    if len(data) < layout.size:
        raise ProtocolError(f"a payload of {len(data)} bytes is cut off")
    return layout.unpack_from(data)
