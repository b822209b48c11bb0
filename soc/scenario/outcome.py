"""What a session of either kind of software hands to the judge."""

from __future__ import annotations

from dataclasses import dataclass, field

from soc.verify.evidence import BufferRange, Sharing
from soc.verify.result import Copy


@dataclass
class Outcome:
    """`moved` maps each bus master to (bytes read, bytes written) on the buffers."""

    moved: dict[str, tuple[int, int]]
    buffers: list[BufferRange]
    sharing: list[Sharing] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mishaps: list[str] = field(default_factory=list)
    kernel_log: list[str] = field(default_factory=list)
