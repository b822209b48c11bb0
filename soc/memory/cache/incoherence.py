"""What went wrong between a cache and a device, told with both parties and both views."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from soc.address import PhysAddr
from soc.memory.cache.lines import LINE

SHOWN = 8
"""Bytes of each view that a report shows."""


class Kind(Enum):
    """Which rule was broken, and the call that was missing."""

    STALE_DEVICE_READ = "read data that the CPU still had in its cache (no sync for the device)"
    STALE_CPU_READ = "read a cached line older than what a device wrote (no sync for the CPU)"
    LOST_DEVICE_WRITE = "lost data of a device to a dirty line written back over it"
    LOST_CPU_WRITE = "lost data of the CPU: its dirty line was invalidated"


@dataclass(frozen=True)
class Party:
    """Who accessed the line last on one side: `time` in ns, None if nobody did since the machine started."""

    name: str
    time: int | None

    def __str__(self) -> str:
        return self.name if self.time is None else f"{self.name} at {self.time / 1e9:.6f} s"


@dataclass(frozen=True)
class Incoherence:
    """One access that met the wrong view of memory.

    `line` is the address of the first of `lines` lines concerned; `cpu_view` and
    `dram_view` are its 64 bytes on either side just before, `cpu` and `device`
    who touched it last there, `time` ns.
    """

    kind: Kind
    time: int
    line: PhysAddr
    lines: int
    cpu: Party
    device: Party
    cpu_view: bytes
    dram_view: bytes

    @property
    def victim(self) -> Party:
        """Who got, or lost, the wrong data."""
        return self.cpu if self.kind in (Kind.STALE_CPU_READ, Kind.LOST_CPU_WRITE) else self.device

    def __str__(self) -> str:
        at = next((i for i in range(LINE) if self.cpu_view[i] != self.dram_view[i]), 0)
        at = min(at, LINE - SHOWN)
        views = [view[at : at + SHOWN].hex(" ") for view in (self.cpu_view, self.dram_view)]
        more = f" and {self.lines - 1:,} more" if self.lines > 1 else ""
        return (
            f"{self.victim.name} {self.kind.value}: line {self.line:#x}{more}; at byte {at} the CPU sees "
            f"{views[0]}, DRAM has {views[1]}; CPU side {self.cpu}, device side {self.device}"
        )
