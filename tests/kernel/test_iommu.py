"""IOMMU domains: what the IOMMU's driver is asked to do, and when an IOVA is free again."""

from __future__ import annotations

from errno import ENOSYS

import numpy as np
import pytest

from soc.address import Iova
from soc.clock import Clock
from soc.kernel.errors import KernelError
from soc.kernel.iommu.domain import DomainKind, IommuDomain, IommuFault
from soc.kernel.iommu.io_pgtable import Geometry, Prot, direction_prot, leaf_attributes
from soc.kernel.iommu.ops import StreamTraits
from soc.kernel.scatterlist import DmaDirection
from soc.mmu.tables import PageTable
from soc.mmu.vmsa import Granule
from soc.mmu.walk import Permission, Walker
from tests.kernel.iommu_bench import Pool

PAGE = 4096
TO, FROM, BOTH = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE, DmaDirection.BIDIRECTIONAL
MS = 1_000_000


class Ops:
    """Writes down what the core asks for, with what the tables hold by then."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.reached = lambda iova: True

    def of_xlate(self, cells: tuple[int, ...]) -> tuple[int, ...]:
        return cells

    def domain_alloc(self, kind: DomainKind) -> IommuDomain:
        return IommuDomain(self, None)

    def domain_free(self, domain: IommuDomain) -> None:
        self.asked.append(("free",))

    def attach_domain(
        self, stream: int, domain: IommuDomain, traits: StreamTraits, substream: int = 0
    ) -> None:
        self.asked.append(("attach", stream))

    def detach(self, stream: int) -> None:
        self.asked.append(("detach", stream))

    def invalidate(self, domain: IommuDomain, iova: Iova, size: int) -> None:
        self.asked.append(("invalidate", iova, size, self.reached(iova)))

    def invalidate_all(self, domain: IommuDomain) -> None:
        self.asked.append(("invalidate all",))

    def last_owner(self, stream: int, iova: int) -> str:
        return "nobody"


class Bench:
    """A domain of its own on a small pool of table pages."""

    def __init__(
        self, kind: DomainKind = DomainKind.DMA, geometry: Geometry | None = None, tables: int = 24
    ) -> None:
        self.geometry = geometry or Geometry()
        self.pool = Pool(tables, self.geometry.granule)
        self.ops = Ops()
        self.clock = Clock()
        self.ops.reached = lambda iova: self.leaf(iova) is not None
        table = PageTable(
            self.pool.allocate,
            self.pool.free.append,
            self.pool.view,
            self.geometry.granule,
            self.geometry.input_bits,
            self.geometry.stage,
        )
        self.domain = IommuDomain(self.ops, table, self.geometry, kind, self.clock)

    def map(self, *frames: int, direction: DmaDirection = TO, what: str = "frame", mask: int = 32) -> Iova:
        array = np.array(frames, dtype=np.int64)
        return self.domain.map(array, direction, "lcdif", what, self.clock.now, mask)

    def leaf(self, iova: int) -> tuple[int, Permission] | None:
        """Frame and permissions of one page, as a walk finds them."""
        walker = Walker(self.domain.table.regime(), self.pool.view, LookupError)
        leaves = walker.walk(iova >> 12, 1)
        return (
            None if leaves.faults.any() else (int(leaves.frames[0]), Permission(int(leaves.permissions[0])))
        )

    def order(self, iova: int) -> int:
        walker = Walker(self.domain.table.regime(), self.pool.view, LookupError)
        return int(walker.walk(iova >> 12, 1).order[0])


def test_strict_unmap_clears_the_table_then_invalidates_and_frees_the_iova_last():
    bench = Bench()
    iova = bench.map(5, 6, what="frame-0")
    assert [owner.describe() for owner in bench.domain.live_mappings] == [
        f"lcdif's mapping of frame-0 at {iova:#x}..{iova + 0x1FFF:#x}"
    ]
    bench.domain.unmap(iova, now=20)
    assert bench.ops.asked == [("invalidate", iova, 2 * PAGE, False)]
    assert bench.domain.live_mappings == []
    assert bench.domain.history.last_owner(iova).endswith("unmapped at 0.000000 s")
    assert bench.map(7, 8) == iova


def test_lazy_unmap_clears_the_table_and_leaves_the_rest_to_the_flush():
    bench = Bench(DomainKind.DMA_FQ)
    iova = bench.map(5, 6, what="frame-0")
    bench.domain.unmap(iova, now=3 * MS)
    assert bench.leaf(iova) is None
    assert bench.ops.asked == []
    assert bench.domain.live_mappings == []
    assert bench.domain.stale_owner(iova) is bench.domain.history.owner(iova)
    assert bench.domain.history.last_owner(iova).endswith(
        "unmapped at 0.003000 s, not invalidated yet (lazy): its translation may still be live"
    )
    other = bench.map(7, 8)
    assert other != iova, "not handed out again before the flush"
    bench.clock.advance(10 * MS)
    bench.clock.run_due()
    assert bench.ops.asked == [("invalidate all",)]
    assert bench.domain.stale_owner(iova) is None
    assert bench.domain.history.last_owner(iova).endswith("unmapped at 0.003000 s")
    assert bench.map(9, 10) == iova


def test_iovas_that_wait_for_the_flush_are_not_free():
    """As on Linux, an allocation does not hurry the flush."""
    bench = Bench(DomainKind.DMA_FQ)
    ranges = [bench.map(5, mask=14) for _ in range(3)]
    for iova in ranges:
        bench.domain.unmap(iova, 0)
    with pytest.raises(KernelError, match="-ENOMEM: no IOVA space left for 4096 bytes"):
        bench.map(5, mask=14)
    bench.clock.advance(10 * MS)
    bench.clock.run_due()
    assert bench.map(5, mask=14) == 3 * PAGE


@pytest.mark.parametrize("offset", [PAGE, -PAGE, 8])
def test_unmap_wants_the_start_of_a_mapping(offset):
    bench = Bench()
    iova = bench.map(5, 6)
    with pytest.raises(ValueError, match="not mapped") as caught:
        bench.domain.unmap(Iova(iova + offset), now=20)
    assert str(caught.value) == f"{iova + offset:#x} is not mapped"
    assert len(bench.domain.live_mappings) == 1


def test_a_table_that_cannot_grow_gives_the_iova_back():
    bench = Bench(tables=3)
    spare = bench.pool.free.pop()
    for _ in range(2):
        with pytest.raises(KernelError, match="no page"):
            bench.map(5)
    bench.pool.free.append(spare)
    assert bench.map(5) == 0xFFFF_F000


def test_an_identity_domain_maps_nothing():
    domain = IommuDomain(Ops(), None)
    assert (domain.translates, domain.kind) == (False, DomainKind.IDENTITY)
    with pytest.raises(ValueError, match="no tables"):
        domain.map(np.array([5]), TO, "lcdif", "frame", 0)
    domain.release()
    assert Bench().domain.translates


def test_a_lazy_domain_needs_a_clock():
    with pytest.raises(ValueError, match="clock"):
        IommuDomain(Ops(), Bench().domain.table, kind=DomainKind.DMA_FQ)


def test_release_gives_all_tables_back_and_forgets_the_queue():
    bench = Bench(DomainKind.DMA_FQ)
    bench.domain.unmap(bench.map(*range(600)), 0)
    bench.domain.release()
    assert len(bench.pool.free) == 24
    assert bench.clock.next_event() is None
    assert bench.ops.asked == []


# --- permissions and sizes ------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "direction", "reads", "writes"),
    [
        (1, TO, True, False),
        (1, FROM, True, True),  # VMSAv8 has no write-only pages at stage 1
        (1, BOTH, True, True),
        (2, TO, True, False),
        (2, FROM, False, True),
        (2, BOTH, True, True),
    ],
)
def test_the_direction_is_the_permission(stage, direction, reads, writes):
    bench = Bench(geometry=Geometry(39, Granule.K4, stage))
    leaf = bench.leaf(bench.map(5, direction=direction))
    assert leaf is not None
    assert (bool(leaf[1] & Permission.READ), bool(leaf[1] & Permission.WRITE)) == (reads, writes)
    assert not leaf[1] & (Permission.EXECUTE | Permission.PRIV_EXECUTE)


def test_privileged_mappings_are_closed_to_unprivileged_accesses():
    bench = Bench()
    iova = bench.domain.map(np.array([5]), BOTH, "lcdif", "frame", 0, prot=Prot.CACHE | Prot.PRIVILEGED)
    assert bench.leaf(iova) == (5, Permission.PRIV_READ | Permission.PRIV_WRITE)


def test_a_device_that_is_not_coherent_gets_uncached_shared_pages():
    cached, uncached = (leaf_attributes(Prot.READ | Prot.WRITE | cache, 1) for cache in (Prot.CACHE, Prot(0)))
    assert (cached >> 2 & 7, cached >> 8 & 3) == (1, 3)
    assert (uncached >> 2 & 7, uncached >> 8 & 3) == (0, 2)
    cached, uncached = (leaf_attributes(Prot.READ | cache, 2) for cache in (Prot.CACHE, Prot(0)))
    assert (cached >> 2 & 0xF, uncached >> 2 & 0xF) == (0b1111, 0b0101)


def test_a_mapping_needs_a_direction():
    with pytest.raises(ValueError, match="direction"):
        direction_prot(DmaDirection.NONE)


def test_contiguous_aligned_frames_become_blocks():
    bench = Bench()
    iova = bench.map(*range(0x400, 0x600))
    assert iova % (2 << 20) == 0
    assert bench.order(iova) == 9
    scattered = bench.map(*range(0x401, 0x601))
    assert bench.order(scattered) == 0
    bench.domain.unmap(iova, 0)
    assert bench.leaf(iova) is None
    assert bench.leaf(scattered + 511 * PAGE) is not None


@pytest.mark.parametrize(
    "frames",
    [(), (4, 5, 6), (5, 6, 7, 8), (4, 5, 6, 7, 8), (4, 5, 7, 6), (4, 5, 6, 7, 12, 13, 14, 16)],
    ids=["nothing", "part", "unaligned", "more than one", "out of order", "broken second"],
)
def test_ranges_that_are_not_whole_granules_are_refused(frames):
    bench = Bench(geometry=Geometry(40, Granule.K16))
    with pytest.raises(KernelError) as caught:
        bench.map(*frames)
    assert str(caught.value) == "-EINVAL: the range is not whole pages of 16384 bytes"
    iova = bench.map(8, 9, 10, 11, 4, 5, 6, 7)
    assert iova == (1 << 32) - 0x8000
    assert [bench.leaf(iova + page * PAGE)[0] for page in range(8)] == [8, 9, 10, 11, 4, 5, 6, 7]


def test_nothing_cannot_be_mapped():
    with pytest.raises(KernelError, match="-EINVAL: the range is not whole pages of 4096 bytes"):
        Bench().map()


def test_the_mask_and_the_tables_limit_the_address():
    bench = Bench(geometry=Geometry(36))
    assert bench.map(5, mask=24) == (1 << 24) - PAGE
    assert bench.map(5, mask=64) == (1 << 36) - PAGE
    assert bench.domain.map(np.array([5]), TO, "pci", "frame", 0, 64, low_first=True) == (1 << 32) - PAGE


# --- reserved ranges and faults --------------------------------------------------


def test_reserved_ranges_are_kept_free_and_direct_ones_are_mapped():
    bench = Bench()
    bench.domain.reserve(Iova(0xFFFF_E000), 2 * PAGE)
    assert bench.map(5) == 0xFFFF_D000
    bench.domain.map_direct(Iova(0xFFFF_0000), 2 * PAGE)
    assert bench.leaf(0xFFFF_1000) == (
        0xFFFF1,
        Permission.READ | Permission.WRITE | Permission.PRIV_READ | Permission.PRIV_WRITE,
    )
    assert bench.leaf(0xFFFF_2000) is None
    taken = [bench.map(5) for _ in range(16)]
    assert not {0xFFFF_0000, 0xFFFF_1000} & set(taken)


def test_faults_go_to_the_handler_or_are_not_implemented():
    bench, asked = Bench(), []
    fault = IommuFault(0x10, Iova(0x1000), write=True)
    assert bench.domain.report_fault(fault) == -ENOSYS

    def mend(fault: IommuFault) -> int:
        asked.append(fault)
        return 0

    bench.domain.fault_handler = mend
    assert bench.domain.report_fault(fault) == 0
    assert asked == [fault]
