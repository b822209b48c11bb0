"""The contiguous memory allocator: areas whose pages are lent out until somebody wants a run of them.

An allocation looks for a free run in the area's bitmap, one bit a page, and has
the borrowers' pages moved out of it. A page that cannot move makes it look
further on.
Source: mm/cma.c, kernel/dma/contiguous.c (6.12).

Not modelled: cma= on the command line and the built-in default size (an area
is a node of the device tree), several pages a bit.
"""

from __future__ import annotations

from errno import ENOMEM

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PhysAddr
from soc.devicetree.reserved import ReservedRegion
from soc.kernel.errors import KernelError
from soc.kernel.log import KernelLog
from soc.kernel.mm.migrate import Migration, RangeBusy
from soc.kernel.ratelimit import RateLimit
from soc.memory.pages import BadFree, PageAllocator
from soc.memory.span import Frames

MIB = 1 << 20
MAX_AREAS = 20
"""CONFIG_CMA_AREAS of a NUMA kernel."""


class BadRelease(BadFree):
    """Pages were released that the area does not have allocated: `frame` is the first, `area` its name."""

    def __init__(self, area: str, first: int, count: int, frame: int) -> None:
        super().__init__(frame, 0)
        self.area = area
        wanted = f"release of {count} pages at frame {first:#x}"
        self.args = (f"{wanted}: frame {frame:#x} is not allocated from CMA area {area}",)


class CmaLog:
    """What failed allocations leave in the log: at most ten in five seconds, as Linux does."""

    def __init__(self, log: KernelLog) -> None:
        self._log = log
        self._limit = RateLimit(log.clock)

    def failure(self, area: CmaArea, count: int, error: KernelError) -> None:
        """The page that was in the way, the failure itself, and what is free in the area."""
        allowed, missed = self._limit.allows()
        if missed:
            self._log.info(f"cma_alloc: {missed} callbacks suppressed")
        if not allowed:
            return
        if isinstance(error, RangeBusy):
            for line in error.dump():
                self._log.info(line)
        failed = f"alloc failed, req-size: {count} pages, ret: {-error.errno}"
        self._log.error(f"cma: cma_alloc: {area.name}: {failed}")
        firsts, ends = area.free_runs()
        runs = "+".join(f"{end - first}@{first}" for first, end in zip(firsts, ends, strict=True))
        total = f"=> {area.count - area.used} free of {area.count} total pages"
        self._log.info(f"cma: number of available pages: {runs}{total}")


class CmaArea:
    """`size` bytes at `base`, both of whole pageblocks that `pages` has as CMA.

    alloc_success, alloc_fail and release_success count pages, as sysfs has them;
    `allocations` and `failures` calls; `retries` runs found busy.
    """

    def __init__(
        self, name: str, base: PhysAddr, size: int, pages: PageAllocator, migration: Migration, log: CmaLog
    ) -> None:
        self.name = name
        self.base_frame = base >> PAGE_SHIFT
        self.count = size >> PAGE_SHIFT
        self.bitmap: NDArray[np.bool_] = np.zeros(self.count, dtype=bool)
        self.alloc_success = 0
        self.alloc_fail = 0
        self.release_success = 0
        self.allocations = 0
        self.failures = 0
        self.retries = 0
        self._pages = pages
        self._migration = migration
        self._log = log

    def __str__(self) -> str:
        return self.name

    @property
    def used(self) -> int:
        """Pages allocated from the area; lent pages are not."""
        return int(np.count_nonzero(self.bitmap))

    def alloc(self, count: int, align_order: int = 0, no_warn: bool = False) -> int:
        """The first frame of `count` contiguous frames, a multiple of 2**align_order; not zeroed.

        -ENOMEM without a free run, or room for the pages lent out of it; -EBUSY when a page
        in each could not be moved. Both are logged, unless `no_warn` or more is wanted than the area has.
        """
        try:
            frame = self._search(count, align_order)
        except KernelError as error:
            self.alloc_fail += max(count, 0)
            self.failures += 1
            if not no_warn and 0 < count <= self.count:
                self._log.failure(self, count, error)
            raise
        self.alloc_success += count
        self.allocations += 1
        return frame

    def release(self, frame: int, count: int) -> None:
        """Give back `count` frames, all or a part of what `alloc` gave.

        BadRelease, before anything is freed, if one is not allocated from here.
        """
        start = frame - self.base_frame
        for index in (0, count - 1):
            if count < 1 or not 0 <= start + index < self.count:
                raise BadRelease(self.name, frame, count, frame + index)
        free = np.flatnonzero(~self.bitmap[start : start + count])
        if len(free):
            raise BadRelease(self.name, frame, count, frame + int(free[0]))
        self._pages.give_range(frame, count)
        self.bitmap[start : start + count] = False
        self.release_success += count

    def owns(self, frame: int, count: int = 1) -> bool:
        """Whether all of [frame, frame + count) is allocated from this area."""
        start = frame - self.base_frame
        return start >= 0 and start + count <= self.count and bool(self.bitmap[start : start + count].all())

    def free_runs(self) -> tuple[Frames, Frames]:
        """Runs of pages nobody allocated, lent ones included: (first, first beyond) in pages of the area."""
        edges = np.flatnonzero(self.bitmap[1:] != self.bitmap[:-1]) + 1
        bounds = np.concatenate(([0], edges, [self.count]))
        skip = 1 if self.bitmap[0] else 0
        return bounds[:-1][skip::2], bounds[1:][skip::2]

    def _search(self, count: int, align_order: int) -> int:
        if not 0 < count <= self.count:
            raise KernelError(ENOMEM, f"CMA area {self.name} has {self.count} pages, not {count} to give")
        start, busy = 0, None
        while (first := self._next_run(start, count, align_order)) is not None:
            try:
                self._migration.alloc_contig_range(self.base_frame + first, count)
            except RangeBusy as error:
                # Any run that contains the same page is as busy: Linux tries each of them, this does not.
                self.retries += 1
                busy = error
                start = error.frame - self.base_frame + 1
                continue
            self.bitmap[first : first + count] = True
            return self.base_frame + first
        raise busy or KernelError(ENOMEM, f"CMA area {self.name} has no free run of {count} pages")

    def _next_run(self, start: int, count: int, align_order: int) -> int | None:
        """The first page at or after `start` where an aligned free run begins."""
        mask = (1 << align_order) - 1
        firsts, ends = self.free_runs()
        aligned = ((np.maximum(firsts, start) + self.base_frame + mask) & ~mask) - self.base_frame
        fits = aligned + count <= ends
        return int(aligned[fits.argmax()]) if fits.any() else None


class CmaAreas:
    """The areas of one kernel, by address; `default` serves devices without an area of their own."""

    def __init__(
        self, regions: list[ReservedRegion], pages: PageAllocator, migration: Migration, log: KernelLog
    ) -> None:
        shared = CmaLog(log)
        self._by_region = {
            region: CmaArea(region.name, region.base, region.size, pages, migration, shared)
            for region in regions
        }
        self.areas = list(self._by_region.values())
        self.default: CmaArea | None = None
        for region, area in self._by_region.items():
            if region.node.flag("linux,cma-default"):
                self.default = area

    def of(self, region: ReservedRegion) -> CmaArea | None:
        """The area made of a reserved region; None for a region that is none."""
        return self._by_region.get(region)

    def find(self, frame: int, count: int = 1) -> CmaArea | None:
        """The area that has all of [frame, frame + count) allocated."""
        return next((area for area in self.areas if area.owns(frame, count)), None)


def usable_regions(
    regions: list[ReservedRegion], spans: list[tuple[int, int]]
) -> tuple[list[ReservedRegion], list[str]]:
    """The CMA regions that can become areas, and what the log says of the others.

    `spans` are the frames of each zone: an area lies in one. The others become ordinary memory.
    """
    good: list[ReservedRegion] = []
    complaints = []
    for region in regions:
        first, end = region.base >> PAGE_SHIFT, region.end >> PAGE_SHIFT
        if len(good) == MAX_AREAS:
            complaints.append("cma: Not enough slots for CMA reserved regions!")
        elif not any(low <= first and end <= high for low, high in spans):
            complaints.append(f"cma: CMA area {region.name} could not be activated")
        else:
            good.append(region)
    return good, complaints


def created(region: ReservedRegion) -> str:
    """The boot message of an area."""
    return f"Reserved memory: created CMA memory pool at {region.base:#018x}, size {region.size // MIB} MiB"
