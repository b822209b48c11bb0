"""I/O address spaces: what a group of devices sees of memory.

A DMA domain gives out IOVAs and maps them. Strict: `unmap` returns when the
IOTLB has forgotten the range. Lazy (iommu.strict=0): the range waits in a flush
queue first, and a device that uses it meanwhile reaches the old pages. An
identity domain (iommu.passthrough=1) maps nothing: devices see physical addresses.
Source: drivers/iommu/{iommu,dma-iommu}.c.

Not modelled: nested and unmanaged domains, dirty tracking, PCI aliases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from errno import EINVAL, ENOSYS

import numpy as np

from soc.address import PAGE_SHIFT, Iova
from soc.clock import Clock
from soc.kernel.errors import KernelError
from soc.kernel.iommu.flush_queue import FlushQueue
from soc.kernel.iommu.history import IovaHistory, IovaOwner
from soc.kernel.iommu.io_pgtable import CACHEABLE_INDEX, LEAF, Geometry, Prot, direction_prot, leaf_attributes
from soc.kernel.iommu.iova import IovaSpace
from soc.kernel.iommu.ops import IommuOps
from soc.kernel.scatterlist import DmaDirection
from soc.memory.span import Frames
from soc.mmu.tables import PageTable

__all__ = ["CACHEABLE_INDEX", "LEAF", "DomainKind", "IommuDomain", "IommuFault", "IommuOps"]


class DomainKind(Enum):
    """The types of a default domain, by their names in /sys/kernel/iommu_groups/<n>/type."""

    IDENTITY = "identity"
    DMA = "DMA"
    DMA_FQ = "DMA-FQ"


@dataclass(frozen=True)
class IommuFault:
    """A faulting access: of `stream` at `iova`; `stalled`: the device waits for the answer."""

    stream: int
    iova: Iova
    write: bool
    stalled: bool = False
    substream: int | None = None


FaultHandler = Callable[[IommuFault], int]
"""0 when the cause is mended (a stalled access is tried again), a negative errno otherwise."""


class IommuDomain:
    """One I/O address space. `table` None is an identity domain; `clock` is needed for DMA_FQ only."""

    def __init__(
        self,
        ops: IommuOps,
        table: PageTable | None,
        geometry: Geometry | None = None,
        kind: DomainKind = DomainKind.DMA,
        clock: Clock | None = None,
    ) -> None:
        self.ops = ops
        self.geometry = geometry or Geometry()
        self.kind = DomainKind.IDENTITY if table is None else kind
        self.history = IovaHistory()
        self.fault_handler: FaultHandler | None = None
        self.flush_queue: FlushQueue | None = None
        self._table = table
        self._space = IovaSpace(self.geometry.aperture, 1 << self.geometry.granule)
        self._live: dict[Iova, IovaOwner] = {}
        if self.kind is DomainKind.DMA_FQ:
            if clock is None:
                raise ValueError("a lazy domain needs a clock")
            self.flush_queue = FlushQueue(clock, lambda: ops.invalidate_all(self), self._released)

    @property
    def translates(self) -> bool:
        """False for an identity domain."""
        return self._table is not None

    @property
    def table(self) -> PageTable:
        """ValueError for an identity domain."""
        if self._table is None:
            raise ValueError("an identity domain has no tables")
        return self._table

    @property
    def live_mappings(self) -> list[IovaOwner]:
        return list(self._live.values())

    def stale_owner(self, iova: int, size: int = 1) -> IovaOwner | None:
        """Whose unmapped range [iova, iova + size) touches, while the IOTLB may still translate it."""
        return self.flush_queue.stale_owner(iova, size) if self.flush_queue else None

    # --- mappings ------------------------------------------------------------

    def map(
        self,
        frames: Frames,
        direction: DmaDirection,
        device: str,
        what: str,
        now: int,
        mask: int = 32,
        *,
        prot: Prot = Prot.CACHE,
        low_first: bool = False,
    ) -> Iova:
        """Map `frames`, shape (n,), as one IOVA range of `mask` bits.

        -EINVAL for nothing or for frames that do not make whole pages of the domain,
        -ENOMEM without IOVA space or tables. The direction is the permission, see
        `leaf_attributes`; `prot` adds CACHE (the device is coherent) and PRIVILEGED.
        """
        table, size = self.table, len(frames) << PAGE_SHIFT
        self._check_pages(frames)
        attributes = leaf_attributes(direction_prot(direction) | prot, self.geometry.stage)
        iova = self._space.allocate(size, 1 << mask, low_first)
        try:
            table.map(iova >> PAGE_SHIFT, frames, attributes)
        except KernelError:
            self._space.free(iova)
            raise
        owner = self._live[iova] = self.history.mapped(iova, size, device, what, now)
        return owner.start

    def unmap(self, iova: Iova, now: int) -> None:
        """Undo `map`. ValueError if `iova` is not the start of a live mapping."""
        owner = self._live.pop(iova, None)
        if owner is None:
            raise ValueError(f"{iova:#x} is not mapped")
        size = owner.end - owner.start
        self.table.unmap(iova >> PAGE_SHIFT, size >> PAGE_SHIFT)
        owner.unmapped = now
        if self.flush_queue is not None:
            self.flush_queue.add(owner)
            return
        self.ops.invalidate(self, iova, size)
        self._space.free(iova)

    def reserve(self, start: Iova, size: int) -> None:
        """Keep [start, start + size) out of use by `map`. ValueError if some of it is in use."""
        self._space.reserve(start, size)

    def map_direct(self, start: Iova, size: int) -> None:
        """Reserve whole pages and map them to themselves (IOMMU_RESV_DIRECT), for ever."""
        self.reserve(start, size)
        first = start >> PAGE_SHIFT
        frames = np.arange(first, first + (size >> PAGE_SHIFT), dtype=np.int64)
        self._check_pages(frames)
        prot = Prot.READ | Prot.WRITE | Prot.CACHE
        self.table.map(first, frames, leaf_attributes(prot, self.geometry.stage))

    def release(self) -> None:
        """The domain ends: tables go back, nothing waits any more."""
        if self.flush_queue is not None:
            self.flush_queue.stop()
        if self._table is not None:
            self._table.free_all()

    def _released(self, owner: IovaOwner) -> None:
        self._space.free(owner.start)

    def _check_pages(self, frames: Frames) -> None:
        """-EINVAL unless `frames` are whole pages of the domain's granule."""
        pages = self.geometry.pages
        if len(frames) and pages == 1:
            return
        whole = len(frames) and len(frames) % pages == 0
        if whole:
            groups = frames.reshape(-1, pages)
            aligned = (groups[:, 0] & (pages - 1)) == 0
            whole = bool((aligned & (np.diff(groups) == 1).all(axis=1)).all())
        if not whole:
            raise KernelError(EINVAL, f"the range is not whole pages of {1 << self.geometry.granule} bytes")

    # --- faults --------------------------------------------------------------

    def report_fault(self, fault: IommuFault) -> int:
        """Ask the handler (report_iommu_fault): its answer, or -ENOSYS without one."""
        return self.fault_handler(fault) if self.fault_handler else -ENOSYS
