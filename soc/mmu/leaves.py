"""What a walk answers: one row per 4 KiB page, as columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag

import numpy as np
from numpy.typing import NDArray

from soc.address import PhysAddr
from soc.memory.span import Frames

Chosen = slice | NDArray[np.bool_] | NDArray[np.intp]


class FaultKind(IntEnum):
    """Why a page cannot be used; NONE is a translation."""

    NONE = 0
    TRANSLATION = 1
    ADDRESS_SIZE = 2
    ACCESS_FLAG = 3
    PERMISSION = 4
    EXTERNAL_ABORT = 5


class Permission(IntFlag):
    """What an access may do. READ, WRITE and EXECUTE are the unprivileged (EL0) ones."""

    READ = 1
    WRITE = 2
    PRIV_READ = 4
    PRIV_WRITE = 8
    EXECUTE = 16
    PRIV_EXECUTE = 32

    @classmethod
    def everything(cls) -> Permission:
        return cls(63)

    @classmethod
    def needed(cls, write: bool, privileged: bool) -> Permission:
        """What a data access needs."""
        if privileged:
            return cls.PRIV_WRITE if write else cls.PRIV_READ
        return cls.WRITE if write else cls.READ


@dataclass(eq=False)
class Leaves:
    """What the walk found for each page, every column of shape (pages,).

    frames       page-frame number of the output
    permissions  `Permission` of both stages together
    order        log2 of the 4 KiB pages its TLB entry covers: page, block or contiguous group
    global_      nG is clear, or there is no stage 1: the entry is not tagged by ASID
    faults       a `FaultKind`; the columns above mean nothing where it is not NONE
    stage        which stage faulted, 1 or 2
    table        the fault is stage 2's, met on the way to a stage-1 descriptor
    ipa          byte address of the page that went into stage 2 of a nested walk; also at its fault
    attributes   stage 1: AttrIndx | SH << 3; without stage 1: MemAttr | SH << 4
    stage1_permissions  what stage 1 alone allows; everything where there is no stage 1:
                 a permission fault is stage 2's when the access is among them
    `abort` is the address of the descriptor that the first page with an external
    abort could not read.
    """

    frames: Frames
    permissions: NDArray[np.uint8]
    order: NDArray[np.uint8]
    global_: NDArray[np.bool_]
    faults: NDArray[np.uint8]
    stage: NDArray[np.uint8]
    table: NDArray[np.bool_]
    ipa: NDArray[np.int64]
    attributes: NDArray[np.uint8]
    stage1_permissions: NDArray[np.uint8]
    abort: PhysAddr | None = None

    @classmethod
    def empty(cls, pages: int, stage: int = 1) -> Leaves:
        """Nothing translated: a translation fault of `stage` on every page."""
        octets = np.zeros((5, pages), np.uint8)
        flags = np.zeros((2, pages), np.bool_)
        numbers = np.zeros((2, pages), np.int64)
        permissions, order, attributes, stage1_permissions, faults = octets
        faults[:] = FaultKind.TRANSLATION
        stages = np.full(pages, stage, np.uint8)
        return cls(
            numbers[0],
            permissions,
            order,
            flags[0],
            faults,
            stages,
            flags[1],
            numbers[1],
            attributes,
            stage1_permissions,
        )

    def columns(self) -> Iterator[NDArray[np.int64] | NDArray[np.uint8] | NDArray[np.bool_]]:
        """Every array, in the order of the fields."""
        yield from (self.frames, self.permissions, self.order, self.global_, self.faults)
        yield from (self.stage, self.table, self.ipa, self.attributes, self.stage1_permissions)

    def allows(self, permission: Permission) -> NDArray[np.bool_]:
        """Where any of `permission` is granted."""
        granted: NDArray[np.bool_] = (self.permissions & np.uint8(permission)) != 0
        return granted

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Where an unprivileged read is allowed. A copy."""
        return self.allows(Permission.READ)

    @property
    def writable(self) -> NDArray[np.bool_]:
        """Where an unprivileged write is allowed. A copy."""
        return self.allows(Permission.WRITE)

    def put(self, where: slice, source: Leaves, chosen: slice | NDArray[np.bool_] = slice(None)) -> None:
        """Take over the `chosen` pages of `source`, as many as `where` has, with their faults."""
        for mine, theirs in zip(self.columns(), source.columns(), strict=True):
            mine[where][chosen] = theirs[chosen]

    def part(self, where: Chosen) -> Leaves:
        """Some pages: a view for a slice, a copy for indices or a mask."""
        return Leaves(*(column[where] for column in self.columns()))  # type: ignore[arg-type]
