"""What a run leaves behind for the proof, gathered from the hardware's own books.

Frames and the buffers they lay in come from the engines' recorders, bytes from
the bus ledger, pages from the SMMU, faults from its event log, stale lines from the
cache. Software is
asked for names, and which addresses it gave to which importer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from soc.address import PAGE_SHIFT
from soc.frames import FrameRecord
from soc.memory.cache.incoherence import Incoherence
from soc.memory.span import Frames
from soc.verify.result import Copy, Fault


@dataclass(frozen=True)
class BufferRange:
    """A buffer by name and page frames, shape (n,), in order."""

    name: str
    frames: Frames


@dataclass(frozen=True)
class Sharing:
    """One buffer as its importers see it: engine to the page frames its addresses resolve to."""

    buffer: str
    importers: dict[str, Frames]


@dataclass
class Evidence:
    """Everything the proof looks at. `frame_bytes` is one picture; `wanted` frames were asked for.

    `source` and `sink` name the masters the pipeline consists of. `moved` maps each
    bus master to (bytes read, bytes written) on the buffers, `touched` to the pages.
    `untranslated` names engines that no IOMMU stands before; `cpu_places` says where
    in its program the CPU touched the buffers; `setbacks` are errors that software went on
    after, `planted` the bugs that this run is expected to fail for.
    """

    source: str
    sink: str
    frame_bytes: int
    wanted: int
    produced: Sequence[FrameRecord]
    fetched: Sequence[FrameRecord]
    moved: dict[str, tuple[int, int]]
    buffers: list[BufferRange]
    touched: dict[str, tuple[Frames, Frames]] = field(default_factory=dict)
    untranslated: list[str] = field(default_factory=list)
    cpu_places: list[str] = field(default_factory=list)
    sharing: list[Sharing] = field(default_factory=list)
    cpu_copies: list[Copy] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    incoherences: list[Incoherence] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    setbacks: list[str] = field(default_factory=list)
    planted: tuple[str, ...] = ()
    mishaps: list[str] = field(default_factory=list)

    def name_of(self, frames: Frames) -> str:
        """The buffers that `frames` lie in, for people."""
        if not len(frames):
            return "nothing"
        names = [
            buffer.name for buffer in self.buffers if np.isin(buffer.frames, frames, assume_unique=True).any()
        ]
        return ", ".join(dict.fromkeys(names)) or f"memory at {int(frames.min()) << PAGE_SHIFT:#x}"


def buffers_used(records: Iterable[FrameRecord], names: Sequence[BufferRange]) -> list[BufferRange]:
    """The frame buffers as the engines used them, lowest address first.

    Software's `names` are taken where its range holds the first page; a buffer
    it has no name for is called by its address.
    """
    ranges: dict[int, Frames] = {}
    for record in records:
        if len(record.frames):
            ranges.setdefault(int(record.frames[0]), record.frames)
    return [BufferRange(_name(first, names), ranges[first]) for first in sorted(ranges)]


def _name(first: int, names: Sequence[BufferRange]) -> str:
    known = (buffer.name for buffer in names if first in buffer.frames)
    return next(known, f"buffer at {first << PAGE_SHIFT:#x}")
