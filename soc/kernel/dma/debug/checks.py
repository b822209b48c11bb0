"""What is wrong with a call, as the texts of Linux say it; nothing if it is right.

Source: check_unmap, check_sync and check_sg_segment of kernel/dma/debug.c.
A sync that begins inside a mapping and ends beyond it is told as such; Linux
has the words but reports it as memory that was never mapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from soc.kernel.dma.attrs import ADDRESS_MASK, DMA_MAPPING_ERROR, WIDEST_BOUNDARY
from soc.kernel.dma.debug.entry import (
    Entry,
    ErrorCheck,
    MapType,
    at,
    device_address,
    spell,
)
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.kernel.device import Device


def unknown_unmap(address: int, size: int) -> str:
    """Nothing is mapped at `address`."""
    if address == DMA_MAPPING_ERROR:
        return "device driver tries to free an invalid DMA memory address"
    return f"device driver tries to free DMA memory it has not allocated {at(address, size)}"


def unmap(entry: Entry, claim: Entry) -> Iterator[str]:
    """Against the mapping it ends, what an unmap (or free) claims."""
    yield from _sizes(entry, claim)
    where = at(claim.address, claim.size)
    if entry.type is not claim.type:
        kinds = f"[mapped as {entry.type.value}] [unmapped as {claim.type.value}]"
        yield f"device driver frees DMA memory with wrong function {where} {kinds}"
    elif entry.type is MapType.COHERENT and entry.physical != claim.physical:
        cpu = f"[cpu alloc address={entry.physical:#018x}] [cpu free address={claim.physical:#018x}]"
        yield f"device driver frees DMA memory with different CPU address {where} {cpu}"
    if claim.type is MapType.SCATTER_GATHER and claim.entries != entry.entries:
        counts = f"[map count={entry.entries}] [unmap count={claim.entries}]"
        yield f"device driver frees DMA sg list with different entry count {counts}"
    if entry.direction is not claim.direction:
        ways = f"[mapped with {spell(entry.direction)}] [unmapped with {spell(claim.direction)}]"
        yield f"device driver frees DMA memory with different direction {where} {ways}"
    if entry.check is ErrorCheck.NOT_CHECKED:
        kind = f"[mapped as {entry.type.value}]"
        yield f"device driver failed to check map error{where} {kind}"


def unknown_sync(address: int, size: int) -> str:
    """Nothing is mapped at `address`."""
    return f"device driver tries to sync DMA memory it has not allocated {at(address, size)}"


def sync(entry: Entry, segment: int, claim: Entry, to_cpu: bool) -> Iterator[str]:
    """Against the mapping it is in, a sync of (part of) one segment."""
    start, size = int(entry.addresses[segment]) & ADDRESS_MASK, int(entry.lengths[segment])
    if (end := claim.address + claim.size - start) > size:
        where = device_address(claim.address)
        sizes = f"[allocation size={size} bytes] [sync offset+size={end}]"
        yield f"device driver syncs DMA memory outside allocated range {where} {sizes}"
    if claim.type is MapType.SCATTER_GATHER and claim.entries != entry.entries:
        counts = f"[map count={entry.entries}] [sync count={claim.entries}]"
        yield f"device driver syncs DMA sg list with different entry count {counts}"
    if entry.direction in (DmaDirection.BIDIRECTIONAL, claim.direction):
        return
    ways = f"[mapped with {spell(entry.direction)}] [synced with {spell(claim.direction)}]"
    facts = f"{at(claim.address, size)} {ways}"
    yield f"device driver syncs DMA memory with different direction {facts}"
    if to_cpu and entry.direction is DmaDirection.TO_DEVICE:
        yield f"device driver syncs device read-only DMA memory for cpu {facts}"
    if not to_cpu and entry.direction is DmaDirection.FROM_DEVICE:
        yield f"device driver syncs device write-only DMA memory to device {facts}"


def segments(device: Device, sgt: SgTable) -> Iterator[str]:
    """The mapped list against what the device said of itself; the first offender of each kind.

    Lengths are those of the CPU side, as in Linux: no mapping may split an entry.
    """
    largest, boundary = device.max_segment_size, device.segment_boundary
    if (length := int(sgt.lengths.max())) > largest:
        yield f"mapping sg segment longer than device claims to support [len={length}] [max={largest}]"
    last = sgt.dma_address + sgt.dma_length - 1
    across = (sgt.dma_address ^ last) & ~min(boundary, WIDEST_BOUNDARY)
    if across.any():
        index = int((across != 0).argmax())
        start, end = int(sgt.dma_address[index]), int(last[index])
        limits = f"[start={start:#018x}] [end={end:#018x}] [boundary={boundary:#018x}]"
        yield f"mapping sg segment across boundary {limits}"


def coherent_size(device: Device, size: int) -> str | None:
    """Coherent memory that this device cannot have: none at all, or more than its mask spans."""
    if 0 < size <= 1 << device.coherent_dma_mask:
        return None
    mask = f"[mask={(1 << device.coherent_dma_mask) - 1:#018x}]"
    return f"device driver allocates coherent memory of unsupported size [size={size} bytes] {mask}"


def pending(leaked: list[Entry]) -> str:
    """What a driver left mapped when it was unbound; `leaked` is not empty."""
    first = leaked[0]
    kinds = f"[mapped with {spell(first.direction)}] [mapped as {first.type.value}]"
    return (
        "device driver has pending DMA allocations while released from device "
        f"[count={sum(entry.count for entry in leaked)}]\n"
        f"One of leaked entries details: {at(first.address, first.size)} {kinds}"
    )


def _sizes(entry: Entry, claim: Entry) -> Iterator[str]:
    """The first segment, of those both have, whose size differs."""
    if entry.count == 1 and entry.size == claim.size:
        return
    first = entry.segment(claim.address) or 0
    mapped = entry.lengths[first : first + claim.count]
    unmapped = claim.lengths[: len(mapped)]
    if len(differ := np.flatnonzero(mapped != unmapped)):
        index = int(differ[0])
        sizes = f"[map size={mapped[index]} bytes] [unmap size={unmapped[index]} bytes]"
        where = device_address(int(claim.addresses[index]))
        yield f"device driver frees DMA memory with different size {where} {sizes}"
