"""A buffer whose memory is allocated when it is first used, and moves when a later device cannot reach it.

1 attach: what the device needs is remembered
2 map, vmap or a program's touch: memory is taken that does for every device attached by now
3 a later attach whose device can use that memory changes nothing
4 else the buffer moves (move.py) before the attach returns, or the attach is -EBUSY
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from errno import EFAULT, EINVAL, ENOMEM
from typing import TYPE_CHECKING, cast

from heaps.negotiated.backing import Backing, DeviceMapping
from heaps.negotiated.move import MOVE_TIMEOUT, make_reachable, sleep_while_moving
from heaps.negotiated.sources import Sources
from heaps.storage.memory import HeapMemory
from soc.dmabuf import DmaBuf, DmaBufAttachment, DmaBufOps, dma_buf_export
from soc.dmabuf.constraints import collate, cut, fits, impossible
from soc.dmabuf.resv import DmaResvUsage, dma_resv_wait_timeout
from soc.kernel.dma import (
    dma_map_sgtable,
    dma_sync_sgtable_for_cpu,
    dma_sync_sgtable_for_device,
    dma_unmap_sgtable,
)
from soc.kernel.errors import KernelError
from soc.kernel.mm.vma import PFN_FLAGS, Vma, VmOperations
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel
    from soc.kernel.sched.thread import Thread


class NegotiatedBuffer:
    """`size` bytes from one of `sources`. `backing` None: nobody has used it yet.

    `mover` is the thread that waits to move it, for at most `timeout` ns, None for ever.
    `pins` counts by attachment, `vmas` are the mappings of programs.
    """

    dmabuf: DmaBuf

    def __init__(self, kernel: Kernel, sources: Sources, size: int) -> None:
        self.kernel = kernel
        self.size = size
        self.backing: Backing | None = None
        self.attached: list[DmaBufAttachment] = []
        self.mappings: list[DeviceMapping] = []
        self.pins: Counter[DmaBufAttachment] = Counter()
        self.vmas: dict[Vma, None] = {}
        self.mover: Thread | None = None
        self.timeout: int | None = MOVE_TIMEOUT
        self._sources = sources

    def export(self, name: str, dynamic: bool, fd_flags: int = os.O_RDWR) -> DmaBuf:
        """The dma-buf; a `dynamic` one has pin and unpin. -ENOMEM."""
        ops = DmaBufOps(
            self.map_dma_buf,
            self.unmap_dma_buf,
            self.release,
            attach=self.attach,
            detach=self.detach,
            begin_cpu_access=self.begin_cpu_access,
            end_cpu_access=self.end_cpu_access,
            mmap=self.mmap,
            vmap=self.vmap,
        )
        if dynamic:
            ops = replace(ops, pin=self.pin, unpin=self.unpin)
        self.dmabuf = dma_buf_export(self.kernel, self, ops, self.size, fd_flags, name)
        return self.dmabuf

    # --- devices ----------------------------------------------------------------

    def attach(self, dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
        """-EINVAL for a device that no memory would do for; -ENOMEM; -EBUSY and -EINTR as in move.py."""
        device = attachment.device
        self.kernel.faults.kmalloc("negotiated attachment")
        if problem := impossible(device, self.size):
            raise KernelError(EINVAL, f"{dmabuf}: {problem}")
        sleep_while_moving(self)
        if self.backing is not None and not fits(device, self.backing.memory.frames()):
            make_reachable(self, device)
        self.attached.append(attachment)

    def detach(self, dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
        self.attached.remove(attachment)
        self.pins.pop(attachment, None)

    def pin(self, attachment: DmaBufAttachment) -> None:
        """-ENOMEM; -EINTR and -EBUSY as `sleep_while_moving`."""
        sleep_while_moving(self)
        self._back()
        self.pins[attachment] += 1

    def unpin(self, attachment: DmaBufAttachment) -> None:
        self.pins[attachment] -= 1

    def map_dma_buf(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
        """-ENOMEM; -EINTR and -EBUSY as `sleep_while_moving`; the errno of dma_map_sgtable."""
        sleep_while_moving(self)
        backing, device = self._back(), attachment.device
        self.kernel.faults.kmalloc("sg_table")
        table = cut(backing.memory.sgt, device)
        dma_map_sgtable(device, table, direction, what=str(self.dmabuf))
        self.mappings.append(DeviceMapping(attachment, table, direction, backing.get()))
        return table

    def unmap_dma_buf(self, attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
        mapping = next(mapping for mapping in self.mappings if mapping.table is sgt)
        self.mappings.remove(mapping)
        dma_unmap_sgtable(attachment.device, sgt, direction)
        mapping.backing.put()

    # --- the CPU ----------------------------------------------------------------

    def begin_cpu_access(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        """The devices that have the memory mapped give it to the CPU."""
        for mapping in self._current():
            dma_sync_sgtable_for_cpu(mapping.attachment.device, mapping.table, direction)

    def end_cpu_access(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        """They get it back."""
        for mapping in self._current():
            dma_sync_sgtable_for_device(mapping.attachment.device, mapping.table, direction)

    def mmap(self, dmabuf: DmaBuf, vma: Vma) -> None:
        """Pages are entered as they are touched, and again after a move. -EINVAL for a private mapping."""
        if not vma.shared:
            raise KernelError(EINVAL, f"{dmabuf}: {vma} is private")
        vma.flags |= PFN_FLAGS
        vma.private = self
        vma.ops = VmOperations(_fault, self._open, self._close)
        self._open(vma)

    def vmap(self, dmabuf: DmaBuf) -> KernelMapping:
        """The memory does not move until vunmap. -ENOMEM; -EINTR and -EBUSY as `sleep_while_moving`."""
        sleep_while_moving(self)
        self.kernel.faults.kmalloc("page array of a vmap")
        return KernelMapping(self.kernel, self.arrived().frames(), f"vmap of {dmabuf}")

    def arrived(self) -> HeapMemory:
        """The memory with the buffer's bytes in it: a copy that is under way is waited for. -ENOMEM."""
        self._back()
        dma_resv_wait_timeout(self.dmabuf.resv, DmaResvUsage.KERNEL)
        return self._back().memory

    # --- memory -----------------------------------------------------------------

    def allocate(self, devices: list[Device]) -> HeapMemory:
        """Memory that does for all `devices`. -ENOMEM."""
        memory = self._sources.allocate(collate(devices), self.size)
        for device in devices:
            if not fits(device, memory.frames()):
                memory.give_back()
                raise KernelError(ENOMEM, f"{self.dmabuf}: {device.name} cannot reach the memory there is")
        memory.belongs_to(f"{self.dmabuf.file.ops.kind} {self.dmabuf.ino}")
        return memory

    def release(self, dmabuf: DmaBuf) -> None:
        """No reference is left; a copy that is under way still has the memory until it ends."""
        if self.backing is not None:
            self.backing.put()

    def _back(self) -> Backing:
        """The memory, allocated now if nobody has used the buffer before."""
        if self.backing is None:
            self.backing = Backing(self.allocate([attachment.device for attachment in self.attached]))
        return self.backing

    def _open(self, vma: Vma) -> None:
        self.vmas[vma] = None

    def _close(self, vma: Vma) -> None:
        del self.vmas[vma]

    def _current(self) -> list[DeviceMapping]:
        """The mappings of the memory that the buffer has now."""
        return [mapping for mapping in self.mappings if mapping.backing is self.backing]


def _fault(vma: Vma, page: int) -> int:
    buffer, index = cast(NegotiatedBuffer, vma.private), vma.pgoff + page
    frames = buffer.arrived().frames()
    if index >= len(frames):
        raise KernelError(EFAULT, f"page {index} of a buffer of {len(frames)}")
    return int(frames[index])
