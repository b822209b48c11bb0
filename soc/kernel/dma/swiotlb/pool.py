"""swiotlb: bounce buffers for what a device cannot reach, or may not touch, itself.

A bounce occupies slots of a pool that lies where devices reach it; the CPU
copies between them and the original, and every copy is counted where it
happens. The device uses the slots: all others that share the original see its
data only after a sync.
Source: kernel/dma/swiotlb.c.

Not modelled: growth of the pool and pools made on demand (CONFIG_SWIOTLB_DYNAMIC),
areas per CPU, memory encryption.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from soc.address import PAGE_SIZE, PhysAddr, page_align
from soc.kernel.dma.attrs import DmaAttrs
from soc.kernel.dma.swiotlb.slots import LONGEST, SLOT_SHIFT, SLOT_SIZE, Slots
from soc.kernel.ratelimit import RateLimit
from soc.kernel.scatterlist import DmaDirection
from soc.memory.span import PageSpan

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel


@dataclass(eq=False)
class Bounce:
    """One bounced mapping: `size` bytes at `original` stand at `address` for the device.

    `copies` and `bytes` count what the CPU moved between the two so far.
    """

    original: PhysAddr
    address: PhysAddr
    size: int
    slot: int
    slots: int
    copies: int = 0
    bytes: int = 0


class Swiotlb:
    """A pool of `size` bytes at `base`, whole pages of DRAM.

    `force`: all mappings of its devices bounce. `for_alloc`: it also serves their
    coherent allocations (restricted-dma-pool). `copies` and `bytes` are totals.
    """

    def __init__(
        self, kernel: Kernel, base: PhysAddr, size: int, force: bool = False, for_alloc: bool = False
    ) -> None:
        self.base = base
        self.size = size
        self.force = force
        self.for_alloc = for_alloc
        self.slots = Slots(size >> SLOT_SHIFT)
        self.copies = 0
        self.bytes = 0
        self._cpu = kernel.cpu
        self._log = kernel.log
        self._complaints = RateLimit(kernel.clock)
        self._bounces: dict[int, Bounce] = {}
        self._owner = np.full(self.slots.count, -1, dtype=np.int64)
        self._allocated: dict[int, int] = {}

    @property
    def bounces(self) -> list[Bounce]:
        """The mappings that live now."""
        return list(self._bounces.values())

    def holds(self, address: int) -> bool:
        """Whether a physical address is the pool's (is_swiotlb_buffer)."""
        return self.base <= address < self.base + self.size

    def find(self, address: int) -> Bounce | None:
        """The live bounce that has `address`."""
        if not self.holds(address):
            return None
        return self._bounces.get(int(self._owner[(address - self.base) >> SLOT_SHIFT]))

    def largest(self, min_align_mask: int) -> int:
        """Bytes of the longest bounce for a device with that alignment (swiotlb_max_mapping_size)."""
        return LONGEST - (-(-min_align_mask // SLOT_SIZE) * SLOT_SIZE)

    def map(
        self, device: Device, original: PhysAddr, size: int, attrs: DmaAttrs, align: int = SLOT_SIZE
    ) -> Bounce | None:
        """Take slots and fill them from `original`, also for FROM_DEVICE: old contents must not leak.

        They start at a multiple of `align` bytes, a power of two, and keep the low bits of
        `original` that the device's min_align_mask names. None, and a message, without room.
        """
        unit = max(align, SLOT_SIZE)
        keep = original & device.min_align_mask
        offset = keep & (unit - 1)
        slots = -(-(offset + size) // unit) * unit >> SLOT_SHIFT
        slot = self._take(device, slots, align, keep)
        if slot is None:
            if not attrs & DmaAttrs.NO_WARN:
                self._full(device, size)
            return None
        address = PhysAddr(self.base + (slot << SLOT_SHIFT) + offset)
        bounce = Bounce(original, address, size, slot, slots)
        self._owner[slot : slot + slots] = slot
        self._bounces[slot] = bounce
        self._copy(bounce, original, address, size)
        return bounce

    def unmap(self, bounce: Bounce, direction: DmaDirection, attrs: DmaAttrs) -> None:
        """Copy out what the device wrote, unless SKIP_CPU_SYNC, and free the slots."""
        if not attrs & DmaAttrs.SKIP_CPU_SYNC and direction.device_writes:
            self._copy(bounce, bounce.address, bounce.original, bounce.size)
        self.drop(bounce)

    def drop(self, bounce: Bounce) -> None:
        """Free the slots, copying nothing."""
        del self._bounces[bounce.slot]
        self._owner[bounce.slot : bounce.slot + bounce.slots] = -1
        self.slots.give(bounce.slot, bounce.slots)

    def sync_for_cpu(
        self, device: Device, bounce: Bounce, address: int, size: int, direction: DmaDirection
    ) -> None:
        """`size` bytes at `address` of the slots go to the original if the device may have written them."""
        if direction.device_writes:
            offset, size = self._part(device, bounce, address, size)
            self._copy(bounce, PhysAddr(address), PhysAddr(bounce.original + offset), size)

    def sync_for_device(
        self, device: Device, bounce: Bounce, address: int, size: int, direction: DmaDirection
    ) -> None:
        """The original of `size` bytes at `address` goes to the slots if the device may read them."""
        if direction.device_reads:
            offset, size = self._part(device, bounce, address, size)
            self._copy(bounce, PhysAddr(bounce.original + offset), PhysAddr(address), size)

    def allocate(self, device: Device, size: int) -> PhysAddr | None:
        """Pages for a coherent allocation, aligned to their number rounded up to a power of two."""
        size = page_align(size)
        slots = size >> SLOT_SHIFT
        slot = self._take(device, slots, 1 << (size - 1).bit_length(), 0)
        if slot is None:
            return None
        address = PhysAddr(self.base + (slot << SLOT_SHIFT))
        self._allocated[address] = slots
        return address

    def release(self, address: PhysAddr) -> None:
        """Undo `allocate`. KeyError if it is not the start of an allocation."""
        self.slots.give((address - self.base) >> SLOT_SHIFT, self._allocated.pop(address))

    def _take(self, device: Device, slots: int, align: int, keep: int) -> int | None:
        """Slots whose address has, above those bits the offset preserves, the bits of `keep`.

        Runs of a page or more begin at a page.
        """
        least = PAGE_SIZE if slots << SLOT_SHIFT >= PAGE_SIZE else SLOT_SIZE
        stride = max(align, device.min_align_mask + 1, least) >> SLOT_SHIFT
        phase = ((keep & -max(align, SLOT_SIZE)) - self.base >> SLOT_SHIFT) % stride
        boundary = device.segment_boundary + 1
        crossed = self.base // boundary != (self.base + self.size - 1) // boundary
        edge = boundary >> SLOT_SHIFT if crossed else 0
        return self.slots.take(slots, stride, phase, edge, self.base >> SLOT_SHIFT)

    def _part(self, device: Device, bounce: Bounce, address: int, size: int) -> tuple[int, int]:
        """The offset of `address` in its bounce, and `size` cut off at the bounce's end."""
        offset = address - bounce.address
        left = bounce.size - offset
        if size > left:
            self._log.warn(
                f"{device.title}: Buffer overflow detected. Allocation size: {left}. Mapping size: {size}."
            )
        return offset, min(size, left)

    def _copy(self, bounce: Bounce, source: PhysAddr, target: PhysAddr, size: int) -> None:
        """The CPU copies, and it is counted."""
        if size <= 0:
            return
        data = self._cpu.read_span(PageSpan.linear(source, size))
        self._cpu.write_span(PageSpan.linear(target, size), data)
        bounce.copies += 1
        bounce.bytes += size
        self.copies += 1
        self.bytes += size

    def _full(self, device: Device, size: int) -> None:
        allowed, missed = self._complaints.allows()
        if missed:
            self._log.error(f"swiotlb_tbl_map_single: {missed} callbacks suppressed")
        if allowed:
            self._log.error(
                f"{device.title}: swiotlb buffer is full (sz: {size} bytes), "
                f"total {self.slots.count} (slots), used {self.slots.used} (slots)"
            )
