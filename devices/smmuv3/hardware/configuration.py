"""From a stream and substream to its tables: look-up of STE and CD, and what of it is cached.

Source: ARM IHI 0070, 3.3 (look-up), 4.3 (invalidation), 5.1 to 5.4. First-level
descriptors, stream table entries and context descriptors are cached each on its
own until a CFGI command; a structure that is invalid or cannot be read never is.

Not modelled: VMS, prefetch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from devices.smmuv3.hardware.binding import Binding
from devices.smmuv3.hardware.fault import StreamFault
from devices.smmuv3.hardware.fetch import Access, TableMemory
from devices.smmuv3.spec import (
    CD_WORDS,
    STE_WORDS,
    ContextDescriptor,
    DefaultSubstream,
    EventId,
    FaultClass,
    Features,
    L1ContextDescriptor,
    L1StreamTableDescriptor,
    S1Format,
    StreamTableEntry,
)
from soc.address import PAGE_MASK, PAGE_SHIFT, PhysAddr
from soc.mmu.leaves import FaultKind, Permission
from soc.mmu.nested import is_device


@dataclass(frozen=True)
class StreamTableConfig:
    """STRTAB_BASE and STRTAB_BASE_CFG: `log2` bits of stream id, split at bit `split` if `two_level`."""

    base: PhysAddr
    log2: int
    split: int = 6
    two_level: bool = False


@dataclass
class CachedStream:
    """What is cached of one stream.

    `bindings` by index of the context, None without one; `tables` are second-level
    context tables by the upper bits of the index.
    """

    ste: StreamTableEntry
    bindings: dict[int | None, Binding] = field(default_factory=dict)
    tables: dict[int, PhysAddr] = field(default_factory=dict)


class Configuration:
    """The configuration cache of one SMMU; it reads memory through `memory`."""

    def __init__(self, memory: TableMemory, features: Features) -> None:
        self._memory = memory
        self._features = features
        self._streams: dict[int, CachedStream] = {}
        self._tables: dict[tuple[int, int], tuple[PhysAddr, int]] = {}

    def find(self, tables: StreamTableConfig, access: Access) -> Binding:
        """What translates an access. Raises StreamFault for a configuration error."""
        stream = self._stream(tables, access)
        if not stream.ste.passes:
            raise StreamFault(access.event(EventId.F_STREAM_DISABLED), record=False)
        index = self._context_index(stream.ste, access)
        binding = stream.bindings.get(index)
        if binding is None:
            cd = None if index is None else self._fetch_context(stream, index, access)
            binding = stream.bindings[index] = Binding(stream.ste, cd, self._features, self._memory)
        return binding

    def for_debugger(self, stream: int, memory: TableMemory) -> Configuration:
        """A copy of what is cached for one stream, that reads on through `memory`."""
        copy = Configuration(memory, self._features)
        copy._tables.update(self._tables)
        if (cached := self._streams.get(stream)) is not None:
            bindings = {
                index: Binding(binding.ste, binding.cd, self._features, memory)
                for index, binding in cached.bindings.items()
            }
            copy._streams[stream] = CachedStream(cached.ste, bindings, dict(cached.tables))
        return copy

    # --- invalidation ------------------------------------------------------

    def invalidate_stream(self, stream: int, leaf: bool) -> None:
        """CFGI_STE: the entry and its contexts; without `leaf` its first-level descriptor too."""
        self._streams.pop(stream, None)
        if not leaf:
            for key in [key for key in self._tables if stream >> key[0] == key[1]]:
                del self._tables[key]

    def invalidate_streams(self, streams: range) -> None:
        """CFGI_STE_RANGE and CFGI_ALL."""
        for stream in [stream for stream in self._streams if stream in streams]:
            del self._streams[stream]
        for split, index in list(self._tables):
            if index << split < streams.stop and (index + 1) << split > streams.start:
                del self._tables[split, index]

    def invalidate_context(self, stream: int, index: int, leaf: bool) -> None:
        """CFGI_CD: one context; without `leaf` its first-level descriptor too."""
        if (cached := self._streams.get(stream)) is not None:
            cached.bindings.pop(index, None)
            if not leaf:
                cached.tables.pop(index >> S1Format(cached.ste.s1_fmt).leaf_bits, None)

    def invalidate_contexts(self, stream: int) -> None:
        """CFGI_CD_ALL."""
        if (cached := self._streams.get(stream)) is not None:
            cached.bindings.clear()
            cached.tables.clear()

    # --- stream table ------------------------------------------------------

    def _stream(self, tables: StreamTableConfig, access: Access) -> CachedStream:
        cached = self._streams.get(access.stream)
        if cached is None:
            at = self._entry_address(tables, access)
            words = self._memory.fetch(at, STE_WORDS, EventId.F_STE_FETCH, access)
            ste = StreamTableEntry.parse(words)
            if ste.problem(self._features) is not None:
                raise StreamFault(access.event(EventId.C_BAD_STE))
            cached = self._streams[access.stream] = CachedStream(ste)
        return cached

    def _entry_address(self, tables: StreamTableConfig, access: Access) -> PhysAddr:
        """Where the stream's entry lies. C_BAD_STREAMID beyond the table or a second-level array."""
        stream = access.stream
        if stream >> tables.log2:
            raise StreamFault(access.event(EventId.C_BAD_STREAMID))
        if not tables.two_level:
            return PhysAddr(tables.base + stream * STE_WORDS * 8)
        key = (tables.split, stream >> tables.split)
        second = self._tables.get(key)
        if second is None:
            at = PhysAddr(tables.base + 8 * key[1])
            descriptor = L1StreamTableDescriptor.parse(self._memory.fetch(at, 1, EventId.F_STE_FETCH, access))
            second = descriptor.table(tables.split)
            if second is None:
                raise StreamFault(access.event(EventId.C_BAD_STREAMID))
            self._tables[key] = second
        base, entries = second
        index = stream & ((1 << tables.split) - 1)
        if index >= entries:
            raise StreamFault(access.event(EventId.C_BAD_STREAMID))
        return PhysAddr(base + index * STE_WORDS * 8)

    # --- contexts ----------------------------------------------------------

    def _context_index(self, ste: StreamTableEntry, access: Access) -> int | None:
        """Which context an access uses; None where stage 1 does not translate it (STE.S1DSS)."""
        if access.substream is not None:
            beyond = not ste.substreams or access.substream >> ste.s1_cd_max
            if beyond or not self._features.ssid_size:
                raise StreamFault(access.event(EventId.C_BAD_SUBSTREAMID))
            if access.substream == 0 and ste.s1_dss == DefaultSubstream.SUBSTREAM0:
                raise StreamFault(access.event(EventId.F_STREAM_DISABLED))
            return access.substream
        if not ste.stage1:
            return None
        if not ste.substreams or ste.s1_dss == DefaultSubstream.SUBSTREAM0:
            return 0
        if ste.s1_dss == DefaultSubstream.BYPASS:
            return None
        raise StreamFault(access.event(EventId.F_STREAM_DISABLED))

    def _fetch_context(self, stream: CachedStream, index: int, access: Access) -> ContextDescriptor:
        at = self._context_address(stream, index, access)
        cd = ContextDescriptor.parse(self._fetch(stream.ste, at, CD_WORDS, access))
        if cd.problem(self._features, stream.ste.s1_stalld) is not None:
            raise StreamFault(access.event(EventId.C_BAD_CD))
        return cd

    def _context_address(self, stream: CachedStream, index: int, access: Access) -> PhysAddr:
        """Where a context lies: an IPA where stage 2 translates."""
        ste = stream.ste
        leaf_bits = S1Format(ste.s1_fmt).leaf_bits if ste.substreams else 0
        if not leaf_bits:
            return PhysAddr(ste.s1_context_ptr + index * CD_WORDS * 8)
        number = index >> leaf_bits
        table = stream.tables.get(number)
        if table is None:
            at = PhysAddr(ste.s1_context_ptr + 8 * number)
            descriptor = L1ContextDescriptor.parse(self._fetch(ste, at, 1, access))
            limit = self._features.ias if ste.stage2 else self._features.oas
            if not descriptor.valid or descriptor.l2_ptr >> limit:
                raise StreamFault(access.event(EventId.C_BAD_SUBSTREAMID, substream=index))
            aligned = descriptor.l2_ptr & ~((CD_WORDS * 8 << leaf_bits) - 1)
            table = stream.tables[number] = PhysAddr(aligned)
        return PhysAddr(table + (index & ((1 << leaf_bits) - 1)) * CD_WORDS * 8)

    def _fetch(self, ste: StreamTableEntry, at: PhysAddr, words: int, access: Access) -> list[int]:
        """Words of a context table, through stage 2 where it translates."""
        if ste.stage2:
            at = self._through_stage2(ste, at, access)
        return self._memory.fetch(at, words, EventId.F_CD_FETCH, access)

    def _through_stage2(self, ste: StreamTableEntry, ipa: PhysAddr, access: Access) -> PhysAddr:
        """Where a context table lies in memory. Faults of stage 2 have CLASS CD."""
        access = access.overridden(ste)
        stage2 = Binding(ste, None, self._features, self._memory)
        (region,) = stage2.regions(ipa >> PAGE_SHIFT, 1)
        if region.walker is None:
            raise stage2.fault(access, access.iova, EventId.F_TRANSLATION, ipa, FaultClass.CD)
        leaves = region.walker.walk(region.page, 1)
        protected = ste.s2_ptw and is_device(int(leaves.attributes[0]))
        readable = leaves.permissions[0] & Permission.READ and not protected
        if leaves.faults[0] == FaultKind.NONE and not readable:
            raise stage2.fault(access, access.iova, EventId.F_PERMISSION, ipa, FaultClass.CD)
        if leaves.faults[0] != FaultKind.NONE:
            raise stage2.walk_fault(access, access.iova, leaves, 0, region.page, FaultClass.CD)
        return PhysAddr((int(leaves.frames[0]) << PAGE_SHIFT) | (ipa & PAGE_MASK))
