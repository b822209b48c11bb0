"""The objects of the framework: dma_buf, its operations, attachments and mappings.

Source: include/linux/dma-buf.h as introduced in 2011.
Beyond the kernel's structures a dma_buf knows its active mappings, so that the
core can say what was still in use when something is taken away too early.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soc.kernel.fs.file import File, Holder, LifeEvent
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel


@dataclass(frozen=True)
class DmaBufOps:
    """What an exporter implements. All but `attach` and `detach` are mandatory.

    attach       the device wants to share; KernelError refuses it: -EBUSY when the storage
                 already sits where this device cannot reach it
    detach       the device is done with the buffer
    map_dma_buf  a table of the buffer's memory, mapped for the attachment's device;
                 KernelError on failure
    unmap_dma_buf  the end of that mapping
    release      no reference is left: drop the exporter's own object
    begin_cpu_access, end_cpu_access  the CPU is about to touch the buffer, or done with it:
                 cache maintenance towards and from the devices that have it mapped (since 3.4)
    """

    map_dma_buf: Callable[[DmaBufAttachment, DmaDirection], SgTable | None] | None
    unmap_dma_buf: Callable[[DmaBufAttachment, SgTable], None] | None
    release: Callable[[DmaBuf], None] | None
    attach: Callable[[DmaBuf, Device, DmaBufAttachment], None] | None = None
    detach: Callable[[DmaBuf, DmaBufAttachment], None] | None = None
    begin_cpu_access: Callable[[DmaBuf, DmaDirection], None] | None = None
    end_cpu_access: Callable[[DmaBuf, DmaDirection], None] | None = None


@dataclass(eq=False)
class DmaBuf:
    """A shared buffer of `size` bytes. Its file's count is its only count.

    `priv` is the exporter's object; `exporter` holds the reference of the export;
    `mappings` outlive their attachment if it was detached too early.
    """

    kernel: Kernel
    priv: object
    ops: DmaBufOps
    size: int
    exporter: Holder
    file: File = field(init=False)
    attachments: list[DmaBufAttachment] = field(default_factory=list, init=False)
    mappings: list[Mapping] = field(default_factory=list, init=False)

    @property
    def ino(self) -> int:
        """The buffer's identity in every process (st_ino)."""
        return self.file.ino

    @property
    def exp_name(self) -> str:
        return self.file.name

    @property
    def released(self) -> bool:
        return not self.file.alive

    @property
    def history(self) -> Sequence[LifeEvent]:
        """What happened to the buffer, oldest first: time in ns, what, who, count after."""
        return self.file.history

    def __str__(self) -> str:
        return str(self.file)


@dataclass(eq=False)
class DmaBufAttachment:
    """One device's interest in one buffer. `priv` is the exporter's."""

    dmabuf: DmaBuf
    device: Device
    priv: object = None

    @property
    def mappings(self) -> list[Mapping]:
        """This attachment's active mappings, oldest first."""
        return [mapping for mapping in self.dmabuf.mappings if mapping.attachment is self]

    def __str__(self) -> str:
        return f"attachment of {self.device.name} to {self.dmabuf}"


@dataclass(eq=False)
class Mapping:
    """A table handed out by map_attachment and not given back yet."""

    attachment: DmaBufAttachment
    sgt: SgTable
    direction: DmaDirection

    def __str__(self) -> str:
        where = f" at iova {int(self.sgt.dma_address[0]):#x}" if self.sgt.nents else ""
        return f"{self.attachment.device.name}{where} ({self.direction.name})"
