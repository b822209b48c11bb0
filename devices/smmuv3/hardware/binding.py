"""How one stream or substream translates: its stages, their tables, who is told of faults.

Source: ARM IHI 0070, 3.4 (address ranges, top byte ignore), 3.12 (fault models),
3.17 (tags), 7.3 (what an event says); ARM DDI 0487, D8 for what permissions mean.

Not modelled: memory attributes of the output.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from devices.smmuv3.hardware.fault import StreamFault
from devices.smmuv3.hardware.fetch import Access, TableMemory
from devices.smmuv3.spec import (
    ContextDescriptor,
    EventId,
    FaultClass,
    Features,
    StreamTableEntry,
)
from soc.address import PAGE_SHIFT, Iova
from soc.bus import BusError
from soc.iommu.iotlb import Tag
from soc.mmu.leaves import FaultKind, Leaves, Permission
from soc.mmu.nested import NestedWalker
from soc.mmu.vmsa import Regime
from soc.mmu.walk import Walker

HALF_BITS = 55 - PAGE_SHIFT
"""Bit of a page number that selects TTB0 or TTB1: VA[55]."""

TOP_BYTE = 0xFF << (HALF_BITS + 1)
"""VA[63:56] of a page number."""

_EVENT_OF = {
    FaultKind.TRANSLATION: EventId.F_TRANSLATION,
    FaultKind.ADDRESS_SIZE: EventId.F_ADDR_SIZE,
    FaultKind.ACCESS_FLAG: EventId.F_ACCESS,
    FaultKind.PERMISSION: EventId.F_PERMISSION,
    FaultKind.EXTERNAL_ABORT: EventId.F_WALK_EABT,
}


AnyWalker = Walker | NestedWalker


@dataclass(frozen=True)
class Region:
    """Part of a range: `count` pages from `page` in one tree; no `walker` where none is configured."""

    walker: AnyWalker | None
    page: int
    count: int


def canonical(page: int) -> int:
    """A page number with VA[63:56] made copies of VA[55]."""
    return page | TOP_BYTE if page >> HALF_BITS & 1 else page & ~TOP_BYTE


class Binding:
    """One STE and, where stage 1 translates, one CD. `tag` is None if no stage translates."""

    def __init__(
        self, ste: StreamTableEntry, cd: ContextDescriptor | None, features: Features, memory: TableMemory
    ) -> None:
        self.ste = ste
        self.cd = cd
        self._features = features
        self._memory = memory
        self._walkers: dict[bool, AnyWalker] = {}
        self.tag: Tag | None = None
        if cd is not None:
            self.tag = Tag(ste.s2_vmid, cd.asid, cd.aset)
        elif ste.stage2:
            self.tag = Tag(ste.s2_vmid, None)
        self.updates_dirty = (cd is not None and cd.ha and cd.hd) or (ste.stage2 and ste.s2_ha and ste.s2_hd)

    def permissions(self, access: Access) -> tuple[Permission, Permission]:
        """What an entry must allow, and what it must not: PAN keeps the privileged off unprivileged pages."""
        if access.instruction:
            return (Permission.PRIV_EXECUTE if access.privileged else Permission.EXECUTE), Permission(0)
        pan = self.cd is not None and self.cd.pan and access.privileged
        return Permission.needed(access.write, access.privileged), Permission.READ if pan else Permission(0)

    # --- tables --------------------------------------------------------------

    def regions(self, page: int, count: int) -> list[Region]:
        """The trees that a range of input pages lies in; almost always one."""
        out = []
        if self.cd is None:
            limit = 1 << (self._features.ias - PAGE_SHIFT)
            inside = max(0, min(count, limit - page))
            if inside:
                out.append(Region(self._walker(False), page, inside))
            if inside < count:
                out.append(Region(None, page + inside, count - inside))
            return out
        end = page + count
        while page < end:
            length = min(end, ((page >> HALF_BITS) + 1) << HALF_BITS) - page
            out.append(self._half(self.cd, page, length))
            page += length
        return out

    def _half(self, cd: ContextDescriptor, page: int, count: int) -> Region:
        """Pages in the half of the address space that TTB0 or TTB1 covers."""
        high = cd.covers_high(page << PAGE_SHIFT)
        wraps = page >> (HALF_BITS + 9)
        if wraps or cd.disabled(high):
            return Region(None, page, count)
        return Region(self._walker(high), canonical(page) if cd.ignores_top_byte(high) else page, count)

    def _walker(self, high: bool) -> AnyWalker:
        if high not in self._walkers:
            self._walkers[high] = self._new_walker(high)
        return self._walkers[high]

    def _new_walker(self, high: bool) -> AnyWalker:
        stage2 = self._regime(self.ste.stage2_regime(self._features)) if self.ste.stage2 else None
        memory = self._memory
        if self.cd is not None:
            stage1 = self._regime(self.cd.regime(self._features, high))
            if stage2 is not None:
                return NestedWalker(stage1, stage2, memory.read, BusError, memory.write)
            return Walker(stage1, memory.read, BusError, memory.write)
        if stage2 is None:
            raise ValueError("no stage translates")
        return Walker(stage2, memory.read, BusError, memory.write)

    def _regime(self, regime: Regime) -> Regime:
        """For a debugger: as if descriptors that hardware would update had been."""
        if not self._memory.debug or not regime.update_access:
            return regime
        return replace(regime, access_flag_fault=False, update_access=False, update_dirty=False)

    # --- faults --------------------------------------------------------------

    def walk_fault(
        self,
        access: Access,
        at: Iova,
        leaves: Leaves,
        index: int,
        page: int,
        cause: FaultClass = FaultClass.IN,
    ) -> StreamFault:
        """The fault that a walk met at `index`, whose input page was `page`; CLASS is `cause` or TTD."""
        kind = FaultKind(int(leaves.faults[index]))
        stage2 = int(leaves.stage[index]) == 2
        if leaves.table[index] or (kind is FaultKind.EXTERNAL_ABORT and not stage2):
            cause = FaultClass.TTD
        if kind is FaultKind.EXTERNAL_ABORT:
            fetch = 0 if leaves.abort is None else leaves.abort
            return StreamFault(access.event(_EVENT_OF[kind], iova=at, stage2=stage2, kind=cause, fetch=fetch))
        if not stage2:
            return self.fault(access, at, _EVENT_OF[kind])
        ipa = page << PAGE_SHIFT if self.cd is None else int(leaves.ipa[index])
        return self.fault(access, at, _EVENT_OF[kind], ipa, cause)

    def fault(
        self,
        access: Access,
        at: Iova,
        event: EventId,
        ipa: int | None = None,
        cause: FaultClass = FaultClass.IN,
    ) -> StreamFault:
        """A translation-related fault: of stage 2 at `ipa`, or of stage 1 when that is None."""
        if ipa is None:
            report = access.event(event, iova=at)
            if self.cd is None:  # an address too large to be an IPA: no CD configures that fault
                return StreamFault(report)
            return StreamFault(report, self.cd.record, self.cd.stall, discard=not self.cd.abort)
        table_read = event is EventId.F_PERMISSION and cause is FaultClass.TTD
        report = access.event(event, iova=at, kind=cause, stage2=True, ipa=ipa, table_read=table_read)
        return StreamFault(report, self.ste.s2_r, self.ste.s2_s)
