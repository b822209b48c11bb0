"""The objects of the framework: dma_buf, its operations, attachments and mappings.

Source: include/linux/dma-buf.h. Beyond the kernel's structures a dma_buf knows
its active mappings, so that the core can say what was still in use when
something is taken away too early.

Not modelled: peer-to-peer (allow_peer2peer).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soc.dmabuf.resv import DmaResv
from soc.kernel.fs.file import File, Holder, LifeEvent
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.device import Device
    from soc.kernel.mm.vma import Vma
    from soc.kernel.mm.vmap import KernelMapping


@dataclass(frozen=True)
class DmaBufOps:
    """What an exporter implements. `map_dma_buf`, `unmap_dma_buf` and `release` are mandatory.

    Each fails with KernelError. With the resv locked (6.12): pin, unpin, map, unmap, vmap,
    vunmap; without: the others.

    attach       the device wants to share: -EBUSY when the storage already sits where this
                 device cannot reach it and cannot be moved
    detach       the device is done with the buffer
    map_dma_buf  a table of the buffer's memory, mapped for the attachment's device
    unmap_dma_buf  the end of that mapping
    release      no reference is left: drop the exporter's own object
    pin, unpin   both or none: the storage stays where it is while it is pinned; an exporter
                 that has them may move it at other times (a dynamic exporter)
    begin_cpu_access, end_cpu_access  the CPU is about to touch the buffer, or done with it:
                 cache maintenance towards and from the devices that have it mapped (since 3.4)
    mmap         map the buffer into a program (since 3.4)
    vmap, vunmap  map all of it for kernel code, and the end of that (since 3.5)
    kmap         one page for kernel code, by number (3.4 to 5.5)
    cache_sgt_mapping  keep a mapping until detach and hand it out again (until 6.14)
    """

    map_dma_buf: Callable[[DmaBufAttachment, DmaDirection], SgTable | None] | None
    unmap_dma_buf: Callable[[DmaBufAttachment, SgTable, DmaDirection], None] | None
    release: Callable[[DmaBuf], None] | None
    attach: Callable[[DmaBuf, DmaBufAttachment], None] | None = None
    detach: Callable[[DmaBuf, DmaBufAttachment], None] | None = None
    pin: Callable[[DmaBufAttachment], None] | None = None
    unpin: Callable[[DmaBufAttachment], None] | None = None
    begin_cpu_access: Callable[[DmaBuf, DmaDirection], None] | None = None
    end_cpu_access: Callable[[DmaBuf, DmaDirection], None] | None = None
    mmap: Callable[[DmaBuf, Vma], None] | None = None
    vmap: Callable[[DmaBuf], KernelMapping] | None = None
    vunmap: Callable[[DmaBuf, KernelMapping], None] | None = None
    kmap: Callable[[DmaBuf, int], KernelMapping | None] | None = None
    cache_sgt_mapping: bool = False


@dataclass(frozen=True)
class DmaBufAttachOps:
    """What a dynamic importer implements.

    move_notify  the storage is about to move: the mapping is stale from now on. Called with
                 the resv held, so it must neither lock it nor wait for it.
    """

    move_notify: Callable[[DmaBufAttachment], None] | None


@dataclass(eq=False)
class DmaBuf:
    """A shared buffer of `size` bytes. Its file's count is its only count.

    `priv` is the exporter's object; `exporter` holds the reference of the export;
    `mappings` outlive their attachment if it was detached too early; `resv` is the exporter's
    unless the buffer `owns_resv`.
    """

    kernel: KernelCore
    priv: object
    ops: DmaBufOps
    size: int
    exporter: Holder
    resv: DmaResv
    owns_resv: bool
    file: File = field(init=False)
    name: str | None = field(default=None, init=False)
    attachments: list[DmaBufAttachment] = field(default_factory=list, init=False)
    active: dict[tuple[DmaBufAttachment, SgTable], Mapping] = field(default_factory=dict, init=False)
    vmapping_counter: int = field(default=0, init=False)
    vmapping: KernelMapping | None = field(default=None, init=False)

    @property
    def ino(self) -> int:
        """The buffer's identity in every process (st_ino)."""
        return self.file.ino

    @property
    def exp_name(self) -> str:
        return self.file.name

    @property
    def dynamic(self) -> bool:
        """Whether its exporter may move the storage (dma_buf_is_dynamic)."""
        return self.ops.pin is not None

    @property
    def released(self) -> bool:
        return not self.file.alive

    @property
    def mappings(self) -> list[Mapping]:
        """Tables handed out and not given back, the one mapped first first."""
        return list(self.active.values())

    @property
    def history(self) -> Sequence[LifeEvent]:
        """What happened to the buffer, oldest first: time in ns, what, who, count after."""
        return self.file.history

    def __str__(self) -> str:
        return str(self.file)


@dataclass(eq=False)
class DmaBufAttachment:
    """One device's interest in one buffer. `priv` is the exporter's, `importer_priv` the importer's.

    `sgt` is a mapping that is kept while the attachment lasts, made for `direction`.
    """

    dmabuf: DmaBuf
    device: Device
    importer_ops: DmaBufAttachOps | None = None
    importer_priv: object = None
    priv: object = None
    sgt: SgTable | None = None
    direction: DmaDirection = DmaDirection.NONE

    @property
    def dynamic(self) -> bool:
        """Whether its importer can follow a move (dma_buf_attachment_is_dynamic)."""
        return self.importer_ops is not None

    @property
    def mappings(self) -> list[Mapping]:
        """This attachment's active mappings, oldest first."""
        return [mapping for mapping in self.dmabuf.active.values() if mapping.attachment is self]

    def __str__(self) -> str:
        return f"attachment of {self.device.name} to {self.dmabuf}"


@dataclass(eq=False)
class Mapping:
    """A table handed out by map_attachment `times` times more than it was given back.

    Most exporters make a table for each; ION of 4.9 hands out the same one again and again.
    """

    attachment: DmaBufAttachment
    sgt: SgTable
    direction: DmaDirection
    times: int = 1

    def __str__(self) -> str:
        where = f" at iova {int(self.sgt.dma_address[0]):#x}" if self.sgt.nents else ""
        return f"{self.attachment.device.name}{where} ({self.direction.name})"
