"""What a run leaves behind for the proof, gathered from the hardware's own books.

Nothing here comes from the software under test: frames from the engines'
recorders, bytes from the bus ledger, faults from the SMMU, CPU touches from the
watch on the buffers. Software is asked only for names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from soc.bus import Bus
from soc.frames import FrameRecord
from soc.memory.dram import Frames
from soc.verify.result import Copy, Fault


@dataclass(frozen=True)
class BufferRange:
    """A buffer by name and page frames, shape (n,), in order."""

    name: str
    frames: Frames


@dataclass(frozen=True)
class Sharing:
    """One buffer as its importers see it: device name to the page frames its mapping resolves to."""

    buffer: str
    importers: dict[str, Frames]


@dataclass
class Evidence:
    """Everything the proof looks at. `frame_bytes` is one picture; `wanted` frames were asked for.

    `moved` maps each bus master to (bytes read, bytes written) on the buffers;
    `source` and `sink` name the masters the pipeline consists of.
    """

    source: str
    sink: str
    frame_bytes: int
    wanted: int
    produced: Sequence[FrameRecord]
    fetched: Sequence[FrameRecord]
    moved: dict[str, tuple[int, int]]
    buffers: list[BufferRange]
    sharing: list[Sharing] = field(default_factory=list)
    cpu_copies: list[Copy] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mishaps: list[str] = field(default_factory=list)

    def name_of(self, frames: Frames) -> str:
        """The buffers that `frames` lie in, for people."""
        if not len(frames):
            return "nothing"
        names = [
            buffer.name for buffer in self.buffers if np.isin(buffer.frames, frames, assume_unique=True).any()
        ]
        return ", ".join(names) or f"memory at {int(frames.min()) << 12:#x}"


class TrafficWindow:
    """Bytes every master moves on some pages from the moment this is made."""

    def __init__(self, bus: Bus, frames: Frames) -> None:
        self._bus = bus
        self._frames = frames
        self._before = self._totals()

    def moved(self) -> dict[str, tuple[int, int]]:
        """Masters that moved anything on the pages since: (bytes read, bytes written)."""
        before = self._before
        return {
            name: (reads - before.get(name, (0, 0))[0], writes - before.get(name, (0, 0))[1])
            for name, (reads, writes) in self._totals().items()
            if (reads, writes) != before.get(name, (0, 0))
        }

    def _totals(self) -> dict[str, tuple[int, int]]:
        return {name: master.traffic.total(self._frames) for name, master in self._bus.masters.items()}
