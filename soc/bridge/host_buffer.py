"""Memory of another host process as a dma-buf: its pages stand in DRAM, nothing is copied.

The memfd is mapped over a piece of DRAM, so the CPU and every device that goes
there meets that process's very bytes. Its memory must not shrink while it is
there: F_SEAL_SHRINK is required, as udmabuf does. The pages have one view while
they are there, since what the process loads and stores nobody sees.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from soc.address import human_size
from soc.bridge.protocol import BridgeError
from soc.bridge.region import Region
from soc.dmabuf import DmaBuf, DmaBufAttachment, DmaBufOps, dma_buf_export
from soc.kernel.dma import (
    dma_map_sgtable,
    dma_sync_sgtable_for_cpu,
    dma_sync_sgtable_for_device,
    dma_unmap_sgtable,
)
from soc.kernel.errors import KernelError
from soc.kernel.mm.clear import clear
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.span import PageSpan

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel
    from soc.kernel.mm.vma import Vma

EXP_NAME = "host"
WRITE_SEALS = fcntl.F_SEAL_WRITE | 0x10  # F_SEAL_FUTURE_WRITE, which fcntl does not name


def check_memfd(fd: int, offset: int, size: int) -> None:
    """BridgeError unless `size` bytes at `offset` of `fd` can stand in DRAM for as long as it takes."""
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError:
        raise BridgeError("what was given is not a memfd") from None
    if not seals & fcntl.F_SEAL_SHRINK:
        raise BridgeError("the memfd has no F_SEAL_SHRINK: it could be cut while devices use it")
    if seals & WRITE_SEALS:
        raise BridgeError("the memfd is sealed against writing: devices could not write it")
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDWR:
        raise BridgeError("the memfd is not open for reading and writing")
    if offset + size > (length := os.fstat(fd).st_size):
        raise BridgeError(f"bytes {offset} to {offset + size} were given of a memfd of {length}")


class HostBuffer:
    """`size` bytes of the memfd `fd` from `offset`, in the place of a piece of `region`.

    BridgeError if the memfd or the host will not do, or the region is full.
    """

    def __init__(self, kernel: Kernel, region: Region, fd: int, offset: int, size: int) -> None:
        check_memfd(fd, offset, size)
        base = region.alloc(size)
        if base is None:
            raise BridgeError(f"the region for memory from outside has no {human_size(size)} in one run")
        self._kernel = kernel
        self._region = region
        self.span = PageSpan.linear(base, size)
        if kernel.cache is not None:  # before: no line of what was there may land on the process's memory
            kernel.cache.forget(self.span.frames)
            kernel.cache.uncache(self.span.frames)
        try:
            kernel.machine.dram.lay_foreign(base, size, fd, offset)
        except OSError as error:
            if kernel.cache is not None:
                kernel.cache.recache(self.span.frames)
            region.free(base)
            raise BridgeError(f"the host cannot map the memfd over DRAM: {error.strerror}") from error
        self._owner = kernel.memory.owners.own(self.span.frames, EXP_NAME, f"memory at {base:#x}")
        self._mappings: dict[SgTable, Device] = {}

    def export(self) -> DmaBuf:
        """The dma-buf, whose one reference is the exporter's. If it cannot be made the memory is let go."""
        ops = DmaBufOps(
            self._map,
            self._unmap,
            lambda dmabuf: self.release(),
            begin_cpu_access=self._begin_cpu_access,
            end_cpu_access=self._end_cpu_access,
            mmap=self._mmap,
            vmap=self._vmap,
        )
        try:
            dmabuf = dma_buf_export(self._kernel, self, ops, self.span.size, os.O_RDWR, EXP_NAME)
        except KernelError:
            self.release()
            raise
        self._owner.buffer = f"dma-buf {dmabuf.ino}"
        return dmabuf

    def release(self) -> None:
        """DRAM has its own pages back, cleared; the process's memory is its own again."""
        kernel = self._kernel
        kernel.machine.dram.lift_foreign(self.span.address, self.span.size)
        clear(kernel.cpu, self.span)
        if kernel.cache is not None:
            kernel.cache.recache(self.span.frames)
        kernel.memory.owners.release(self._owner)
        self._region.free(self.span.address)

    def _map(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
        sgt = SgTable.of_pages(self.span.frames)
        dma_map_sgtable(attachment.device, sgt, direction, what=str(attachment.dmabuf))
        self._mappings[sgt] = attachment.device
        return sgt

    def _unmap(self, attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
        del self._mappings[sgt]
        dma_unmap_sgtable(attachment.device, sgt, direction)

    def _begin_cpu_access(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        for sgt, device in self._mappings.items():
            dma_sync_sgtable_for_cpu(device, sgt, direction)

    def _end_cpu_access(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        for sgt, device in self._mappings.items():
            dma_sync_sgtable_for_device(device, sgt, direction)

    def _mmap(self, dmabuf: DmaBuf, vma: Vma) -> None:
        vma.cached = False
        vma.remap(vma.start, self.span.frames[vma.pgoff : vma.pgoff + vma.pages])

    def _vmap(self, dmabuf: DmaBuf) -> KernelMapping:
        return KernelMapping(self._kernel, self.span.frames, str(dmabuf), cached=False)
