"""The IOMMU core of the kernel: domains, groups, and what a driver provides.

Devices that present the same stream id to one IOMMU form a group and share its
domain, so a mapping made for one is seen by the other. Invalidation is strict:
unmap returns when the IOTLB has forgotten the range.
Source: drivers/iommu/{iommu,dma-iommu,of_iommu}.c; SEMANTICS 5.3, 6.4.

Not modelled: lazy flush queue, identity domains, PCI aliases, SVA.
"""

from __future__ import annotations

from typing import Protocol

from soc.address import PAGE_MASK, PAGE_SHIFT, Iova
from soc.kernel.errors import KernelError
from soc.kernel.iommu.iova import IovaHistory, IovaOwner, IovaSpace
from soc.kernel.scatterlist import DmaDirection
from soc.memory.dram import Frames
from soc.mmu.tables import PageTable
from soc.mmu.vmsa import ACCESS_FLAG, AP_EL0, AP_READ_ONLY, NOT_GLOBAL, PXN, SH_INNER, UXN, attribute_index

CACHEABLE_INDEX = 1
LEAF = ACCESS_FLAG | AP_EL0 | NOT_GLOBAL | SH_INNER | PXN | UXN | attribute_index(CACHEABLE_INDEX)


class IommuOps(Protocol):
    """What an IOMMU driver does for the core."""

    def attach_domain(self, stream: int, domain: IommuDomain) -> None:
        """Make `stream` translate through `domain`."""
        ...

    def invalidate(self, domain: IommuDomain, iova: Iova, size: int) -> None:
        """Drop cached translations of the range and wait until that is done."""
        ...

    def last_owner(self, stream: int, iova: int) -> str:
        """Whose mapping `iova` was for `stream`, for fault reports."""
        ...


class IommuDomain:
    """One I/O address space of one group."""

    def __init__(self, ops: IommuOps, table: PageTable, asid: int) -> None:
        self.ops = ops
        self.table = table
        self.asid = asid
        self.history = IovaHistory()
        self._space = IovaSpace()
        self._live: dict[Iova, IovaOwner] = {}

    @property
    def live_mappings(self) -> list[IovaOwner]:
        return list(self._live.values())

    def map(
        self, frames: Frames, direction: DmaDirection, device: str, what: str, now: int, mask: int = 32
    ) -> Iova:
        """Map `frames`, shape (n,), as one IOVA range of `mask` bits. -ENOMEM without IOVA space or tables.

        Read-only for TO_DEVICE. Stage 1 has no write-only pages, so FROM_DEVICE
        allows reads too, as on Linux.
        """
        size = len(frames) << PAGE_SHIFT
        iova = self._space.allocate(size, 1 << mask)
        attributes = LEAF | (AP_READ_ONLY if direction is DmaDirection.TO_DEVICE else 0)
        try:
            self.table.map(iova >> PAGE_SHIFT, frames, attributes)
        except KernelError:
            self._space.free(iova)
            raise
        self._live[iova] = self.history.mapped(iova, size, device, what, now)
        return iova

    def unmap(self, iova: Iova, now: int) -> None:
        """Undo `map`. ValueError if `iova` is not the start of a live mapping."""
        owner = self._live.pop(iova, None)
        if owner is None or iova & PAGE_MASK:
            raise ValueError(f"{iova:#x} is not mapped")
        size = owner.end - owner.start
        self.table.unmap(iova >> PAGE_SHIFT, size >> PAGE_SHIFT)
        self.ops.invalidate(self, iova, size)
        owner.unmapped = now
        self._space.free(iova)
