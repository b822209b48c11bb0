"""What a session of either kind of software hands to the judge."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from soc.memory.span import Frames
from soc.verify.evidence import BufferRange, Sharing
from soc.verify.result import Copy
from soc.verify.traffic_window import TrafficWindow


def _none() -> Frames:
    return np.empty(0, dtype=np.int64)


@dataclass
class Outcome:
    """`window` has seen the stream and nothing else; None if there was no stream.

    `names` are the buffers as software calls them, `watched` pages that count as
    buffers whether or not an engine used them. `setbacks` are errors the kernel
    logged and went on after.
    """

    window: TrafficWindow | None = None
    names: list[BufferRange] = field(default_factory=list)
    watched: Frames = field(default_factory=_none)
    sharing: list[Sharing] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    cpu_places: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    setbacks: list[str] = field(default_factory=list)
    stale_uses: list[str] = field(default_factory=list)
    mishaps: list[str] = field(default_factory=list)
    kernel_log: list[str] = field(default_factory=list)
