"""Finds the devices that lazy invalidation hides: DMA to a range that is unmapped but not flushed yet.

Such an access raises no fault; on silicon it silently reads or overwrites pages
that belong to somebody else by now. The watch stands between a device's DMA port
and its IOMMU and asks the kernel's books after each translation that succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass

from soc.address import Iova
from soc.clock import Clock
from soc.iommu.port import DmaPort, Translator
from soc.kernel.iommu.groups import IommuGroups
from soc.kernel.iommu.history import IovaOwner
from soc.memory.rows import Rows
from soc.memory.span import PageSpan


@dataclass
class StaleUse:
    """All accesses of one stream to one unmapped range; `iova`, `write` and `time` (ns) of the first."""

    stream: int
    owner: IovaOwner
    iova: Iova
    write: bool
    time: int
    count: int = 0

    def describe(self) -> str:
        access = "write" if self.write else "read"
        more = f" (and {self.count - 1} more)" if self.count > 1 else ""
        owner = self.owner
        return (
            f"stream {self.stream:#x}: {access} at iova {self.iova:#x}{more} at {self.time / 1e9:.6f} s "
            f"through a stale translation of {owner.device}'s mapping of {owner.what}, "
            f"unmapped at {(owner.unmapped or 0) / 1e9:.6f} s"
        )


class StaleWatch:
    """`uses`, in the order they began, of every port that is watched."""

    def __init__(self, groups: IommuGroups, clock: Clock) -> None:
        self._groups = groups
        self._clock = clock
        self._uses: dict[tuple[int, IovaOwner], StaleUse] = {}

    @property
    def uses(self) -> list[StaleUse]:
        return list(self._uses.values())

    @property
    def count(self) -> int:
        """Accesses through stale translations."""
        return sum(use.count for use in self._uses.values())

    def watch(self, path: str, port: DmaPort) -> None:
        """Watch a port behind the IOMMU of node `path`. ValueError for a port without IOMMU."""
        if port.iommu is None:
            raise ValueError("a port without IOMMU has no translations")
        port.iommu = _Watched(self, path, port.iommu)

    def book(self, path: str, stream: int, iova: Iova, size: int, write: bool) -> None:
        """A translation succeeded; it counts if the range was unmapped before."""
        owner = self._groups.stale_owner(path, stream, iova, size)
        if owner is None:
            return
        use = StaleUse(stream, owner, iova, write, self._clock.now)
        self._uses.setdefault((stream, owner), use).count += 1


class _Watched:
    """The IOMMU as the watched port sees it."""

    def __init__(self, watch: StaleWatch, path: str, iommu: Translator) -> None:
        self._watch = watch
        self._path = path
        self._iommu = iommu

    def translate(
        self,
        stream: int,
        iova: Iova,
        size: int,
        write: bool,
        substream: int | None = None,
        privileged: bool = False,
        rows: Rows | None = None,
    ) -> PageSpan:
        span = self._iommu.translate(stream, iova, size, write, substream, privileged, rows)
        self._watch.book(self._path, stream, iova, size, write)
        return span

    def peek(self, stream: int, iova: Iova, size: int, substream: int | None = None) -> PageSpan | None:
        return self._iommu.peek(stream, iova, size, substream)
