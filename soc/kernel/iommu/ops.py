"""What an IOMMU's driver does for the core (struct iommu_ops), and what it is told about a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from soc.address import Iova

if TYPE_CHECKING:
    from soc.kernel.iommu.domain import DomainKind, IommuDomain


@dataclass(frozen=True)
class StreamTraits:
    """What the node of a stream's device says: `dma-can-stall`, and `pasid-num-bits` as `substream_bits`."""

    can_stall: bool = False
    substream_bits: int = 0


class IommuOps(Protocol):
    """One IOMMU. What raises, raises KernelError; the core then goes on without the IOMMU."""

    def of_xlate(self, cells: tuple[int, ...]) -> tuple[int, ...]:
        """The stream ids that one entry of `iommus` names. -EINVAL for a wrong number of cells."""
        ...

    def domain_alloc(self, kind: DomainKind) -> IommuDomain:
        """A new domain of this IOMMU, with empty tables unless it is an identity domain. -ENOMEM."""
        ...

    def domain_free(self, domain: IommuDomain) -> None:
        """The domain is no longer used: its identifiers may be given to another."""
        ...

    def attach_domain(
        self, stream: int, domain: IommuDomain, traits: StreamTraits, substream: int = 0
    ) -> None:
        """Make `stream`, or one substream of it, translate through `domain`. -EINVAL, -ENOMEM."""
        ...

    def detach(self, stream: int) -> None:
        """`stream` has no domain any more, its accesses fault."""
        ...

    def invalidate(self, domain: IommuDomain, iova: Iova, size: int) -> None:
        """Drop cached translations of the range and wait until that is done."""
        ...

    def invalidate_all(self, domain: IommuDomain) -> None:
        """The same for everything the domain ever mapped."""
        ...

    def last_owner(self, stream: int, iova: int) -> str:
        """Whose mapping `iova` was for `stream`, for fault reports."""
        ...
