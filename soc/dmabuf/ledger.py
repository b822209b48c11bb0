"""Who holds which buffer: the reference ledger as data and as lines for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from soc.address import Iova
from soc.dmabuf.buffer import DmaBuf, Mapping
from soc.dmabuf.export import dma_bufs

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel


@dataclass(frozen=True)
class MappingEntry:
    """An active mapping. `iova` is its first DMA segment's, None if it has none."""

    device: str
    direction: str
    iova: Iova | None
    size: int


@dataclass(frozen=True)
class BufferEntry:
    """One live dma-buf of `size` bytes.

    `holders` has the number of references of each holder, `count` is their sum;
    `attachments` are names of devices.
    """

    ino: int
    exp_name: str
    size: int
    count: int
    holders: dict[str, int]
    attachments: tuple[str, ...]
    mappings: tuple[MappingEntry, ...]


def references(kernel: Kernel) -> list[BufferEntry]:
    """Every live dma-buf with all that holds or uses it, oldest first."""
    return [
        BufferEntry(
            ino=dmabuf.ino,
            exp_name=dmabuf.exp_name,
            size=dmabuf.size,
            count=dmabuf.file.f_count,
            holders={str(holder): count for holder, count in sorted(dmabuf.file.holders.items())},
            attachments=tuple(attachment.device.name for attachment in dmabuf.attachments),
            mappings=tuple(_entry(mapping) for mapping in dmabuf.mappings),
        )
        for dmabuf in dma_bufs(kernel)
    ]


def leaked(kernel: Kernel) -> list[str]:
    """One line per live dma-buf, for the end of a run, when there should be none."""
    return [_line(dmabuf) for dmabuf in dma_bufs(kernel)]


def _entry(mapping: Mapping) -> MappingEntry:
    sgt = mapping.sgt
    iova = Iova(int(sgt.dma_address[0])) if sgt.nents else None
    return MappingEntry(mapping.attachment.device.name, mapping.direction.name, iova, sgt.size)


def _line(dmabuf: DmaBuf) -> str:
    line = f"{dmabuf} ({dmabuf.size} bytes): held by {dmabuf.file.held_by()}"
    if dmabuf.attachments:
        line += "; attached to " + ", ".join(attachment.device.name for attachment in dmabuf.attachments)
    if dmabuf.mappings:
        line += "; mapped by " + ", ".join(map(str, dmabuf.mappings))
    return line
