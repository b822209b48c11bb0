"""TEE devices and the dma-heaps they offer, one for each use of protected memory.

Source: drivers/tee/tee_heap.c, include/linux/tee_core.h (6.18).
"""

from __future__ import annotations

from enum import Enum
from errno import EBUSY, EINVAL
from typing import TYPE_CHECKING

from heaps.dma_heap import DmaHeap, DmaHeapOps, dma_heap_add
from heaps.protected.dma_heap import ProtectedBuffer
from heaps.protected.pool import ProtectedPool
from soc.kernel.errors import KernelError
from soc.kernel.locking.mutex import Mutex

if TYPE_CHECKING:
    from soc.dmabuf import DmaBuf
    from soc.kernel.kernel import Kernel


class TeeDmaHeapId(Enum):
    """What the memory is for; the value is the heap's name."""

    SECURE_VIDEO_PLAY = "protected,secure-video"
    TRUSTED_UI = "protected,trusted-ui"
    SECURE_VIDEO_RECORD = "protected,secure-video-record"


class TeeDevice:
    """A TEE that a driver has found; `gone` once that driver has let go of it."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel = kernel
        self.name = name
        self.gone = False


class TeeDmaHeap:
    """tee_dma_heap: `teedev` and `pool` while a TEE backs it, `users` its buffers and that TEE."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel = kernel
        self.name = name
        self.mu = Mutex(kernel.sched, f"tee_dma_heap->mu of {name}")
        self.teedev: TeeDevice | None = None
        self.pool: ProtectedPool | None = None
        self.users = 0
        self.shutting_down = False

    def back(self, teedev: TeeDevice, pool: ProtectedPool) -> None:
        """`teedev` gives the memory from now on. -EBUSY while another one does, or its buffers live."""
        with self.mu:
            if self.teedev is not None:
                raise KernelError(EBUSY, f"{self.name} belongs to {self.teedev.name}")
            self.teedev, self.pool, self.users, self.shutting_down = teedev, pool, 1, False

    def alloc(self, heap: DmaHeap, length: int, fd_flags: int, heap_flags: int) -> DmaBuf:
        """As `DmaHeapOps`: -EINVAL when the TEE device is gone, -ENOMEM."""
        with self.mu:
            pool = None if self.shutting_down else self.pool
            if pool is None:
                raise KernelError(EINVAL, f"{heap}: its TEE device is gone")
            self.users += 1
        try:
            self.kernel.faults.kmalloc("tee_heap_buffer")
            return ProtectedBuffer(self, pool, length).export(fd_flags)
        except KernelError:
            self.put()
            raise

    def shut_down(self) -> None:
        """The TEE goes: no new buffers; the old ones keep the memory until they are released."""
        with self.mu:
            if self.teedev is None or self.shutting_down:
                return
            self.shutting_down = True
        self.put()

    def put(self) -> None:
        """One user less; the last one ends the pool (tee_heap_release)."""
        with self.mu:
            self.users -= 1
            if not self.users:
                self.teedev = self.pool = None


class TeeDmaHeaps:
    """`kernel.subsystem(TeeDmaHeaps)`: the heaps that have ever been offered."""

    def __init__(self, kernel: Kernel) -> None:
        self.by_id: dict[TeeDmaHeapId, TeeDmaHeap] = {}


def tee_device_register_dma_heap(teedev: TeeDevice, heap_id: TeeDmaHeapId, pool: ProtectedPool) -> None:
    """Offer `pool` as the heap of `heap_id`, whose node is made the first time.

    -EINVAL for a TEE that is gone, -EBUSY for a heap that is backed already, -ENOMEM, as `dma_heap_add`.
    """
    kernel, name = teedev.kernel, heap_id.value
    heaps = kernel.subsystem(TeeDmaHeaps).by_id
    try:
        if teedev.gone:
            raise KernelError(EINVAL, f"{teedev.name} is gone")
        heap = heaps.get(heap_id)
        if heap is None:
            kernel.faults.kmalloc("tee_dma_heap")
            heap = TeeDmaHeap(kernel, name)
            dma_heap_add(kernel, name, DmaHeapOps(heap.alloc), heap)
            heaps[heap_id] = heap
        heap.back(teedev, pool)
    except KernelError:
        kernel.log.error(f"tee {teedev.name}: can't register DMA heap ({name})")
        raise


def tee_device_put_all_dma_heaps(teedev: TeeDevice) -> None:
    """The TEE's driver lets go: its heaps allocate nothing any more."""
    teedev.gone = True
    for heap in teedev.kernel.subsystem(TeeDmaHeaps).by_id.values():
        if heap.teedev is teedev:
            heap.shut_down()
