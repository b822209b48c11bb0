"""What the devices that share a buffer need of its memory, one by one and taken together.

A device behind an IOMMU takes any pages; it only limits the entries of its table. One
without needs every page within its mask and its bus, and, where its engine
takes a single address, all of them in one run.
Source: Documentation/driver-api/dma-buf.rst ("collate the requirements of the attached devices"),
struct device_dma_parameters.

Not modelled: devices all of whose DMA bounces, which reach everything by copying.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from soc.address import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, human_size
from soc.kernel.dma.attrs import WIDEST_BOUNDARY
from soc.kernel.dma.limits import capable, highest, to_bus
from soc.kernel.scatterlist import Ints, SgTable
from soc.memory.span import Frames

if TYPE_CHECKING:
    from soc.kernel.device import Device


@dataclass(frozen=True)
class DmaConstraints:
    """`below` is the first physical address that somebody does not reach, None if all reach everything.

    No segment is longer than `max_segment_size` bytes or crosses a multiple of
    `segment_boundary` + 1; `contiguous`: all pages in one run.
    """

    below: int | None = None
    max_segment_size: int = WIDEST_BOUNDARY
    segment_boundary: int = WIDEST_BOUNDARY
    contiguous: bool = False

    def __and__(self, other: DmaConstraints) -> DmaConstraints:
        """What both need."""
        limits = [limit for limit in (self.below, other.below) if limit is not None]
        return DmaConstraints(
            min(limits, default=None),
            min(self.max_segment_size, other.max_segment_size),
            min(self.segment_boundary, other.segment_boundary),
            self.contiguous or other.contiguous,
        )

    def __str__(self) -> str:
        where = "anywhere" if self.below is None else f"below {self.below:#x}"
        how = "in one run" if self.contiguous else f"in segments of up to {human_size(self.max_segment_size)}"
        return f"{where}, {how}"


def constraints_of(device: Device) -> DmaConstraints:
    """What one device needs. Behind an IOMMU a boundary is one of its addresses, not of memory."""
    if device.behind_iommu:
        return DmaConstraints(max_segment_size=device.max_segment_size)
    return DmaConstraints(
        _beyond(device), device.max_segment_size, device.segment_boundary, device.one_segment
    )


def collate(devices: Iterable[Device]) -> DmaConstraints:
    """What all of them need."""
    needs = DmaConstraints()
    for device in devices:
        needs &= constraints_of(device)
    return needs


def impossible(device: Device, size: int) -> str | None:
    """Why no memory at all would do for a buffer of `size` bytes; None if some does."""
    needs = constraints_of(device)
    if needs.below is not None and needs.below <= device.kernel.cpu.bus.dram.banks[0].base:
        return f"{device.name} reaches no memory"
    if device.one_segment and size > min(device.max_segment_size, device.segment_boundary + 1):
        longest = human_size(min(device.max_segment_size, device.segment_boundary + 1))
        return f"{device.name} takes one segment of up to {longest}, not {human_size(size)}"
    return None


def fits(device: Device, frames: Frames) -> bool:
    """Whether these pages do for `device` as they are, without a bounce."""
    if device.behind_iommu:
        return True
    bus = to_bus(device, frames << PAGE_SHIFT)
    pages = np.full(len(frames), PAGE_SIZE, dtype=np.int64)
    if not capable(device.dma_mask or 0, device, bus, pages).all():
        return False
    return not device.one_segment or _one_segment(device, bus)


def cut(table: SgTable, device: Device) -> SgTable:
    """The same memory, not mapped, no entry longer than a segment of `device` or across its boundary."""
    longest = max(device.max_segment_size & ~PAGE_MASK, PAGE_SIZE)
    boundary = WIDEST_BOUNDARY if device.behind_iommu else device.segment_boundary
    bus = to_bus(device, table.starts)
    crossing = (bus ^ (bus + table.lengths - 1)) & ~boundary != 0
    if not (crossing | (table.lengths > longest)).any():
        return table.copy()
    segments: list[tuple[int, int]] = []
    for start, at, left in zip(table.starts.tolist(), bus.tolist(), table.lengths.tolist(), strict=True):
        while left:
            piece = min(left, longest, boundary + 1 - (at & boundary))
            segments.append((start, piece))
            start, at, left = start + piece, at + piece, left - piece
    return SgTable.of(segments)


def _one_segment(device: Device, bus: Ints) -> bool:
    size, boundary = len(bus) << PAGE_SHIFT, device.segment_boundary
    inside = int(bus[0]) & ~boundary == (int(bus[0]) + size - 1) & ~boundary
    return bool((np.diff(bus) == PAGE_SIZE).all()) and size <= device.max_segment_size and inside


def _beyond(device: Device) -> int | None:
    """The first physical address beyond the mask and the bus of `device`; None if no DRAM lies there."""
    last = highest(device.dma_mask or 0, device)
    beyond = last + 1
    if device.dma_windows is not None:
        ends = (
            min(window.physical + window.size, last + 1 - window.bus + window.physical)
            for window in device.dma_windows.windows
        )
        beyond = max(0, *ends)
    return beyond if beyond < device.kernel.cpu.bus.dram.banks[-1].end else None
