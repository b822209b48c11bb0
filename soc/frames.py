"""Frame records: what an engine produced or fetched, frame by frame.

An engine that moves pictures tells its `FrameRecorder` of each piece it moved;
the record keeps where the bytes lay (the spans), how many there were and a
128-bit digest of them in order. The proof compares records of different
engines; nothing here knows what a buffer is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import xxhash

from soc.address import Iova
from soc.clock import Clock
from soc.memory.span import Bytes, Frames, PageSpan


@dataclass
class FrameRecord:
    """One frame as one engine saw it on the bus.

    `sequence` counts from 0 per engine, `started` and `ended` are ns of virtual
    time, `digest` is None until the frame is complete, `fault` says what cut it short.
    """

    engine: str
    sequence: int
    iova: Iova
    started: int
    ended: int = 0
    size: int = 0
    digest: str | None = None
    fault: str | None = None
    spans: list[PageSpan] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return self.digest is not None

    @cached_property
    def frames(self) -> Frames:
        """The page frames the bytes lay in, in the order of transfer, shape (n,).

        A page that two neighbouring transfers share is named once. Final once
        the record is.
        """
        if not self.spans:
            return np.empty(0, dtype=np.int64)
        every = np.concatenate([span.frames for span in self.spans])
        if not every.size:  # all of it was discarded on the way (RAZ/WI)
            return every
        distinct: Frames = every[np.append(True, every[1:] != every[:-1])]
        return distinct


STOPPED = "stopped"
"""The `fault` of a frame that ended because software stopped its engine."""

BANDS = 8
"""Pieces in which engines move a frame while time passes."""


def band_lines(lines: int, band: int) -> slice:
    """Which of a frame's `lines` belong to piece `band` of 0 .. BANDS - 1; may be none."""
    return slice(lines * band // BANDS, lines * (band + 1) // BANDS)


Listener = Callable[[FrameRecord], None]


class FrameRecorder:
    """Collects the records of one engine in one direction; `completed` counts whole frames.

    With `digesting` off the digests mean nothing; frames then cost their transfer only.
    With `keeping` off a record is gone when the listeners have heard of it.
    """

    def __init__(self, engine: str, clock: Clock) -> None:
        self.engine = engine
        self.digesting = True
        self.keeping = True
        self.records: list[FrameRecord] = []
        self.completed = 0
        self.listeners: list[Listener] = []
        self._clock = clock
        self._begun = 0
        self._current: FrameRecord | None = None
        self._hash = xxhash.xxh3_128()

    def begin(self, iova: Iova) -> None:
        """A frame whose buffer starts at `iova` begins now."""
        self._current = FrameRecord(self.engine, self._begun, iova, self._clock.now)
        self._begun += 1
        self._hash.reset()

    def add(self, spans: list[PageSpan], data: Bytes) -> None:
        """The engine moved `data`, which lies at `spans` in this order."""
        if self._current:
            self._current.spans.extend(spans)
            self._current.size += data.size
            if self.digesting:
                self._hash.update(np.ascontiguousarray(data).data)

    def finish(self, fault: str | None = None) -> None:
        """The frame is over: complete, or cut short by `fault`."""
        record, self._current = self._current, None
        if record is None:
            return
        record.ended = self._clock.now
        record.fault = fault
        if fault is None:
            record.digest = self._hash.hexdigest()
            self.completed += 1
        if self.keeping:
            self.records.append(record)
        for listener in self.listeners:
            listener(record)
