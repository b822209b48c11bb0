"""A buffer in programs' memory.

    uncached             entered at once, write-combined
    CACHED|NEEDS_SYNC    entered at once, cached: the program is to say when (ION_IOC_SYNC)
    CACHED               entered page by page as they are touched; ION remembers which were,
                         cleans those when a device maps the buffer, and takes all entries
                         away so that the next touch is noticed again

Source: ion_mmap, ion_vm_fault, ion_buffer_sync_for_device (ion.c, 4.9).

Whether the CPU writes a touched page or only reads it makes no difference to ION.
A copy of such a mapping (fork, a split) for which there is no memory to remember it keeps
its entries, as in Linux.
"""

from __future__ import annotations

from errno import EINVAL
from typing import TYPE_CHECKING, cast

from heaps.aliases import warn_of_aliases
from soc.kernel.dma.arch_sync import arch_sync_dma_for_device, needs_maintenance
from soc.kernel.errors import KernelError
from soc.kernel.mm.vma import PFN_FLAGS, Vma, VmOperations
from soc.memory.span import PageSpan

if TYPE_CHECKING:
    from heaps.ion.buffer import IonBuffer
    from soc.kernel.device import Device
    from soc.kernel.scatterlist import DmaDirection


def ion_mmap(buffer: IonBuffer, vma: Vma, faults: bool = True) -> None:
    """Make `vma` a mapping of the buffer, by faults where 4.9 does so and if `faults`.

    -EINVAL where the heap has nothing for programs, the heap's errno; both are logged.
    """
    log = buffer.device.kernel.log
    if buffer.heap.ops.map_user is None:
        log.error("ion_mmap: this heap does not define a method for mapping to userspace")
        raise KernelError(EINVAL, f"{buffer.heap} maps nothing for programs")
    vma.cached = buffer.cached
    frames = buffer.frames[vma.pgoff : vma.pgoff + vma.pages]
    warn_of_aliases(buffer.device.kernel, frames, vma.cached, f"mapping of {buffer} by {vma.mm.owner}")
    if faults and buffer.faults_user_mappings:
        vma.flags |= PFN_FLAGS
        vma.private = buffer
        vma.ops = ION_VM_OPS
        _open(vma)
        return
    try:
        with buffer.lock:
            buffer.heap.ops.map_user(buffer.heap, buffer, vma)
    except KernelError:
        log.error("ion_mmap: failure mapping buffer to userspace")
        raise


def ion_buffer_sync_for_device(buffer: IonBuffer, device: Device, direction: DmaDirection) -> None:
    """`device` is about to use the buffer: clean what programs touched since the last time, if known."""
    if buffer.dirty is None:
        return
    with buffer.lock:
        touched = buffer.frames[buffer.dirty]
        if len(touched) and needs_maintenance(device):
            arch_sync_dma_for_device(device, [PageSpan.of(touched, 0, len(touched) << 12)])
        buffer.dirty[:] = False
        for vma in buffer.vmas:
            vma.zap()


def _fault(vma: Vma, page: int) -> int:
    buffer = _of(vma)
    assert buffer.dirty is not None  # only such buffers are mapped with ION_VM_OPS
    with buffer.lock:
        buffer.dirty[vma.pgoff + page] = True
    return int(buffer.frames[vma.pgoff + page])


def _open(vma: Vma) -> None:
    buffer = _of(vma)
    try:
        buffer.device.kernel.faults.kmalloc("ion_vma_list")
    except KernelError:
        return
    with buffer.lock:
        buffer.vmas[vma] = None


def _close(vma: Vma) -> None:
    buffer = _of(vma)
    with buffer.lock:
        buffer.vmas.pop(vma, None)


def _of(vma: Vma) -> IonBuffer:
    return cast("IonBuffer", vma.private)


ION_VM_OPS = VmOperations(_fault, _open, _close)
