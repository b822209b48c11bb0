"""The checks of the DMA API: each of its functions reports here what it does.

Call a `map_` or `alloc_` hook after it has succeeded (with DMA_MAPPING_ERROR if a
single mapping failed), an `unmap`, `free` or `sync` hook before anything is
undone: the list's DMA side says what is being given back. Nothing here changes
what the call does; complaints are warnings in the log.
Source: kernel/dma/debug.c; Documentation/core-api/dma-api.rst, "Debug drivers use
of the DMA-API".

Not modelled: backtraces (a mapping's name and time stand for where it was made),
mappings of different attributes at unmap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from soc.kernel.dma.attrs import ADDRESS_MASK, DMA_MAPPING_ERROR
from soc.kernel.dma.debug import checks
from soc.kernel.dma.debug.areas import Areas
from soc.kernel.dma.debug.entry import Entry, ErrorCheck, MapType, one
from soc.kernel.dma.debug.recorder import Recorder
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.cache.lines import LINE

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel

BIDIRECTIONAL = DmaDirection.BIDIRECTIONAL


class DmaDebug:
    """The checks of one kernel, of `entries` mappings at a time; more switch them off for good.

    `skip_cpu_sync` (DMA_ATTR_SKIP_CPU_SYNC) says that the caller keeps the caches itself, so that
    lines shared with another mapping are no complaint.
    """

    def __init__(self, kernel: Kernel, entries: int = 65536) -> None:
        self.records = Recorder(kernel, entries)
        self._areas = Areas(kernel.memory)
        self._unmapped: WeakKeyDictionary[SgTable, tuple[int, int]] = WeakKeyDictionary()

    # --- single mappings and resources ---------------------------------------

    def map_page(
        self,
        device: Device,
        phys: int,
        size: int,
        direction: DmaDirection,
        dma_addr: int,
        what: str = "a buffer",
        *,
        skip_cpu_sync: bool = False,
    ) -> None:
        """dma_map_single or dma_map_page of `size` bytes at `phys` gave `dma_addr`."""
        if dma_addr & ADDRESS_MASK == DMA_MAPPING_ERROR:
            return
        entry = Entry(MapType.SINGLE, device, direction, *one(dma_addr, size), phys, 0, what)
        entry.check = ErrorCheck.NOT_CHECKED
        if self.records.add(entry):
            self.records.complain(entry, self._areas.single(phys, size))
            self.records.hold(entry, *one(phys, size), shared=skip_cpu_sync)

    def map_of_no_memory(self, device: Device, phys: int, size: int) -> None:
        """A single mapping was refused because `size` bytes at `phys` are not DRAM."""
        self.records.refuse(device, self._areas.single(phys, size))

    def map_resource(
        self,
        device: Device,
        phys: int,
        size: int,
        direction: DmaDirection,
        dma_addr: int,
        what: str = "a resource",
    ) -> None:
        """dma_map_resource of `size` bytes of registers at `phys` gave `dma_addr`."""
        if dma_addr & ADDRESS_MASK == DMA_MAPPING_ERROR:
            return
        entry = Entry(MapType.RESOURCE, device, direction, *one(dma_addr, size), phys, 0, what)
        entry.check = ErrorCheck.NOT_CHECKED
        self.records.add(entry)

    def mapping_error(self, device: Device, addr: int) -> None:
        """dma_mapping_error was asked about `addr`: the oldest mapping there counts as tested."""
        for entry in self.records.ledger.starting(device, addr & ADDRESS_MASK):
            if entry.check is ErrorCheck.NOT_CHECKED:
                entry.check = ErrorCheck.CHECKED
                return

    def unmap_page(self, device: Device, dma_addr: int, size: int, direction: DmaDirection) -> None:
        """dma_unmap_single or dma_unmap_page."""
        self.records.unmap(Entry(MapType.SINGLE, device, direction, *one(dma_addr, size)))

    def unmap_resource(self, device: Device, dma_addr: int, size: int, direction: DmaDirection) -> None:
        """dma_unmap_resource."""
        self.records.unmap(Entry(MapType.RESOURCE, device, direction, *one(dma_addr, size)))

    def sync_single_for_cpu(self, device: Device, dma_addr: int, size: int, direction: DmaDirection) -> None:
        """dma_sync_single_for_cpu, of a mapping or of a part of one."""
        self.records.sync(Entry(MapType.SINGLE, device, direction, *one(dma_addr, size)), to_cpu=True)

    def sync_single_for_device(
        self, device: Device, dma_addr: int, size: int, direction: DmaDirection
    ) -> None:
        """dma_sync_single_for_device, of a mapping or of a part of one."""
        self.records.sync(Entry(MapType.SINGLE, device, direction, *one(dma_addr, size)), to_cpu=False)

    # --- scatter-gather lists --------------------------------------------------

    def map_sg(
        self,
        device: Device,
        sgt: SgTable,
        direction: DmaDirection,
        what: str = "a buffer",
        *,
        skip_cpu_sync: bool = False,
    ) -> None:
        """dma_map_sg filled the DMA side of `sgt`."""
        if self.records.disabled or not sgt.nents:
            return
        segments = sgt.dma_address.copy(), sgt.dma_length.copy()
        first, count = int(sgt.starts[0]), sgt.orig_nents
        entry = Entry(MapType.SCATTER_GATHER, device, direction, *segments, first, count, what)
        if self.records.add(entry):
            self.records.complain(entry, self._areas.scatter_gather(sgt.starts, sgt.lengths))
            self.records.complain(entry, *checks.segments(device, sgt))
            self.records.hold(entry, sgt.starts, sgt.lengths, shared=skip_cpu_sync)

    def unmap_sg(
        self, device: Device, sgt: SgTable, direction: DmaDirection, nents: int | None = None
    ) -> None:
        """dma_unmap_sg with `nents` entries, by default all of the CPU side, as it must be."""
        claim = self._claim(device, sgt, direction, nents)
        self._unmapped[sgt] = claim.address, claim.size
        self.records.unmap(claim)

    def sync_sg_for_cpu(
        self, device: Device, sgt: SgTable, direction: DmaDirection, nents: int | None = None
    ) -> None:
        """dma_sync_sg_for_cpu with `nents` entries, by default all of the CPU side, as it must be."""
        self.records.sync(self._claim(device, sgt, direction, nents), to_cpu=True)

    def sync_sg_for_device(
        self, device: Device, sgt: SgTable, direction: DmaDirection, nents: int | None = None
    ) -> None:
        """dma_sync_sg_for_device with `nents` entries, by default all of the CPU side, as it must be."""
        self.records.sync(self._claim(device, sgt, direction, nents), to_cpu=False)

    # --- coherent memory ---------------------------------------------------------

    def coherent_size(self, device: Device, size: int) -> None:
        """dma_alloc_coherent is asked for `size` bytes; call it before anything is allocated."""
        self.records.refuse(device, checks.coherent_size(device, size))

    def alloc_coherent(
        self, device: Device, size: int, dma_addr: int, cpu_addr: int, what: str = "coherent memory"
    ) -> None:
        """dma_alloc_coherent gave `size` bytes, for the CPU at `cpu_addr`.

        Only the first line is held: what follows it in physical memory is the allocator's matter.
        """
        entry = Entry(MapType.COHERENT, device, BIDIRECTIONAL, *one(dma_addr, size), cpu_addr, 0, what)
        if self.records.add(entry):
            self.records.hold(entry, *one(cpu_addr & ~(LINE - 1), LINE))

    def free_coherent(self, device: Device, size: int, dma_addr: int, cpu_addr: int) -> None:
        """dma_free_coherent."""
        self.records.unmap(Entry(MapType.COHERENT, device, BIDIRECTIONAL, *one(dma_addr, size), cpu_addr))

    # --- drivers -------------------------------------------------------------------

    def driver_unbound(self, device: Device) -> None:
        """The device has lost its driver, which must have given everything back."""
        leaked = list(self.records.ledger.of(device))
        if leaked and not self.records.disabled:
            self.records.complain(leaked[0], checks.pending(leaked))

    def _claim(self, device: Device, sgt: SgTable, direction: DmaDirection, nents: int | None) -> Entry:
        """What a call on `sgt` says; without a DMA side, what it was when it was unmapped last."""
        count = sgt.orig_nents if nents is None else nents
        segments = sgt.dma_address, sgt.dma_length
        if not sgt.nents:
            segments = one(*self._unmapped.get(sgt, (0, 0)))
        return Entry(MapType.SCATTER_GATHER, device, direction, *segments, entries=count)
