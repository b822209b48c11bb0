"""A range of input addresses to physical pages: ready-made answers, IOTLB, walk.

Configuration is cached until a CFGI command (`configuration`), translations
until a TLBI command (`soc.iommu.iotlb`); an entry that is cached wins over what
the tables say now. Faults are raised as `StreamFault`, which the device turns
into an event record, a stall or an abort.

Source: ARM IHI 0070, 3.3.3 (the two look-ups), 3.4, 3.13 (hardware update), 4.4.

Not modelled: caching of table descriptors; a level hint (TTL) spares larger
entries, never smaller ones; TG spares none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from devices.smmuv3.hardware.binding import AnyWalker, Binding, Region, canonical
from devices.smmuv3.hardware.configuration import Configuration, StreamTableConfig
from devices.smmuv3.hardware.fault import StreamFault
from devices.smmuv3.hardware.fetch import Access, TableMemory
from devices.smmuv3.spec import Command, EventId, Features, Opcode
from soc.address import PAGE_MASK, PAGE_SHIFT, Iova, PhysAddr
from soc.bus import Master
from soc.iommu.iotlb import Entries, Iotlb, Tag, allowed, frames_of, stage1_allowed
from soc.memory.rows import Rows
from soc.memory.span import Frames, PageSpan
from soc.mmu.leaves import FaultKind, Leaves
from soc.mmu.vmsa import level_shift

MOST_SPANS = 4096
"""Ready-made answers kept; a guest that never asks twice shall not fill the host's memory."""

__all__ = ["StreamFault", "StreamTableConfig", "Translation"]


class Translation:
    """Translates for every stream behind one SMMU; `master` fetches the tables."""

    def __init__(self, master: Master, features: Features) -> None:
        self.iotlb = Iotlb()
        self.configuration = Configuration(TableMemory(master), features)
        self._debug_memory = TableMemory(master, debug=True)
        self._features = features
        self._spans: dict[tuple[int, int | None, int, int, bool, bool], PageSpan] = {}

    def translate(
        self,
        tables: StreamTableConfig,
        stream: int,
        iova: Iova,
        size: int,
        write: bool,
        substream: int | None = None,
        privileged: bool = False,
        rows: Rows | None = None,
    ) -> PageSpan:
        """Physical span of [iova, iova + size). Raises StreamFault at the first bad page.

        Of `rows` inside it every page is touched; the fault is of the first byte they have there.

        The same question gets the same object until a CFGI or TLBI command.
        """
        key = (stream, substream, iova, size, write, privileged)
        if (span := self._spans.get(key)) is not None:
            return span
        access = Access(stream, iova, write, substream, privileged, rows=rows)
        binding = self.configuration.find(tables, access)
        access = access.overridden(binding.ste)
        if binding.tag is None:
            return self._bypass(binding, access, size)
        frames = [
            self._region(binding, binding.tag, access, region, done)
            for done, region in _placed(binding.regions(*_pages(iova, size)))
        ]
        span = PageSpan.of(frames[0] if len(frames) == 1 else np.concatenate(frames), iova & PAGE_MASK, size)
        if len(self._spans) >= MOST_SPANS:
            self._spans.clear()
        self._spans[key] = span
        return span

    def peek(
        self, tables: StreamTableConfig, stream: int, iova: Iova, size: int, substream: int | None = None
    ) -> PageSpan | None:
        """The same answer for a debugger: no permissions, nothing cached or written; None on any fault."""
        access = Access(stream, iova, write=False, substream=substream)
        try:
            binding = self.configuration.for_debugger(stream, self._debug_memory).find(tables, access)
        except StreamFault:
            return None
        if binding.tag is None:
            return PageSpan.linear(PhysAddr(iova), size)
        frames = []
        for region in binding.regions(*_pages(iova, size)):
            entries = self.iotlb.lookup(binding.tag, region.page, region.count)
            if not entries.all():
                if region.walker is None:
                    return None
                leaves = region.walker.walk(region.page, region.count)
                if (leaves.faults[entries == 0] != FaultKind.NONE).any():
                    return None
                frames.append(np.where(entries, frames_of(entries), leaves.frames))
            else:
                frames.append(frames_of(entries))
        return PageSpan.of(np.concatenate(frames), iova & PAGE_MASK, size)

    # --- translation ---------------------------------------------------------

    def _bypass(self, binding: Binding, access: Access, size: int) -> PageSpan:
        """No stage translates; the address must still fit the bus (3.4)."""
        limit = 1 << self._features.oas
        if _last(access.iova, size) >= limit:
            raise binding.fault(access, Iova(max(access.iova, limit)), EventId.F_ADDR_SIZE)
        return PageSpan.linear(PhysAddr(access.iova), size)

    def _region(self, binding: Binding, tag: Tag, access: Access, region: Region, done: int) -> Frames:
        """Frames of a region that starts `done` pages into the access."""
        required, forbidden = binding.permissions(access)
        entries = self.iotlb.lookup(tag, region.page, region.count)
        good = allowed(entries, required, forbidden)
        if good.all():
            return frames_of(entries)
        missing = ~good if access.write and binding.updates_dirty else entries == 0
        leaves, start = None, 0
        if region.walker is not None and missing.any():
            leaves, start = self._walk(tag, access, region.walker, region.page, entries, missing)
            good = allowed(entries, required, forbidden)
            if good.all():
                return frames_of(entries)
        index = int(good.argmin())
        at = access.page(done + index)
        page = region.page + index
        if entries[index]:
            raise self._permission_fault(binding, access, at, region, page, int(entries[index]))
        if region.walker is None or leaves is None:
            raise binding.fault(access, at, EventId.F_TRANSLATION if binding.cd else EventId.F_ADDR_SIZE)
        if leaves.faults[index - start] == FaultKind.EXTERNAL_ABORT:
            # the walk's first abort may be of a page that the IOTLB still held: ask for this one
            leaves, start = region.walker.walk(page, 1), index
        raise binding.walk_fault(access, at, leaves, index - start, page)

    def _walk(
        self,
        tag: Tag,
        access: Access,
        walker: AnyWalker,
        page: int,
        entries: Entries,
        missing: NDArray[np.bool_],
    ) -> tuple[Leaves, int]:
        """Walk for the `missing` pages, put them into `entries` and the IOTLB.

        Returns the leaves of all pages from the first missing one on, and that one's index.
        """
        if missing.all():
            leaves = walker.walk(page, len(missing), access.write, access.privileged)
            entries[:] = self.iotlb.fill(tag, page, leaves)
            return leaves, 0
        start = int(missing.argmax())
        end = len(missing) - int(missing[::-1].argmax())
        leaves = walker.walk(page + start, end - start, access.write, access.privileged)
        chosen = missing[start:end]
        np.copyto(entries[start:end], self.iotlb.fill(tag, page + start, leaves, chosen), where=chosen)
        return leaves, start

    @staticmethod
    def _permission_fault(
        binding: Binding, access: Access, at: Iova, region: Region, page: int, entry: int
    ) -> StreamFault:
        """F_PERMISSION of the stage that forbids it."""
        stage2 = binding.ste.stage2
        if binding.cd is not None and stage2:
            stage2 = stage1_allowed(entry, *binding.permissions(access))
        if not stage2:
            return binding.fault(access, at, EventId.F_PERMISSION)
        ipa = page << PAGE_SHIFT
        if binding.cd is not None and region.walker is not None:
            ipa = int(region.walker.walk(page, 1).ipa[0])
        return binding.fault(access, at, EventId.F_PERMISSION, ipa)

    # --- invalidation ------------------------------------------------------

    def invalidate_spans(self) -> None:
        """Forget ready-made answers: what they came from has changed."""
        self._spans.clear()

    def invalidate_config(self, command: Command) -> None:
        """CMD_CFGI_*. ValueError for any other command."""
        self._spans.clear()
        match command.opcode:
            case Opcode.CFGI_STE:
                self.configuration.invalidate_stream(command.stream, command.leaf)
            case Opcode.CFGI_STE_RANGE:
                self.configuration.invalidate_streams(command.streams)
            case Opcode.CFGI_CD:
                self.configuration.invalidate_context(command.stream, command.substream, command.leaf)
            case Opcode.CFGI_CD_ALL:
                self.configuration.invalidate_contexts(command.stream)
            case _:
                raise ValueError(f"command {command.opcode:#x} is no CMD_CFGI")

    def tlbi(self, command: Command) -> None:
        """CMD_TLBI_* of the EL1 stream world. ValueError for any other command."""
        self._spans.clear()
        page, count = command.pages
        match command.opcode:
            case Opcode.TLBI_NH_ALL:
                self.iotlb.invalidate_vmid(command.vmid, stage2=False)
            case Opcode.TLBI_NH_ASID:
                self.iotlb.invalidate_asid(command.vmid, command.asid)
            case Opcode.TLBI_NH_VA:
                self.iotlb.invalidate_va(command.vmid, command.asid, canonical(page), count, _below(command))
            case Opcode.TLBI_NH_VAA:
                self.iotlb.invalidate_va(command.vmid, None, canonical(page), count, _below(command))
            case Opcode.TLBI_S12_VMALL:
                self.iotlb.invalidate_vmid(command.vmid)
            case Opcode.TLBI_S2_IPA:
                self.iotlb.invalidate_ipa(command.vmid, page, count, _below(command))
            case Opcode.TLBI_NSNH_ALL:
                self.iotlb.invalidate_all()
            case _:
                raise ValueError(f"command {command.opcode:#x} is no CMD_TLBI of the EL1 stream world")


def _below(command: Command) -> int | None:
    """The order of a block one level above the leaves that a level hint names; None without one."""
    if command.granule is None or command.level is None:
        return None
    return level_shift(command.level - 1, command.granule) - PAGE_SHIFT


def _placed(regions: list[Region]) -> Iterator[tuple[int, Region]]:
    """Each region with the number of pages before it."""
    done = 0
    for region in regions:
        yield done, region
        done += region.count


def _pages(iova: Iova, size: int) -> tuple[int, int]:
    """First input page and number of pages of a byte range."""
    first = iova >> PAGE_SHIFT
    return first, (_last(iova, size) >> PAGE_SHIFT) - first + 1


def _last(iova: Iova, size: int) -> int:
    """The last byte of a range; an empty range is checked on one byte."""
    return iova + max(size, 1) - 1
