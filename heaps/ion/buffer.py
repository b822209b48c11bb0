"""A buffer: memory of one heap, which lives as long as a handle or a dma-buf refers to it.

Source: ion_buffer_create, ion_buffer_destroy and what counts a buffer (ion.c, 4.9).
"""

from __future__ import annotations

from errno import EINVAL
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heaps.aliases import warn_of_aliases
from soc.address import PAGE_SHIFT
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import UseAfterFree
from soc.kernel.locking.mutex import Mutex
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import SgTable
from soc.kernel.uapi.ion import ION_FLAG_CACHED, ION_FLAG_CACHED_NEEDS_SYNC
from soc.memory.span import Frames

if TYPE_CHECKING:
    from heaps.ion.device import IonDevice
    from heaps.ion.heap import IonHeap
    from soc.kernel.mm.vma import Vma
    from soc.kernel.task import Task

KERNEL_COMM = "swapper/0"
"""The comm of kernel code that runs for no task; its pid is 0."""


class IonBuffer:
    """Buffer `number` of `device`: `size` bytes, whole pages, in `sg_table`, from `heap`.

    `priv_virt` is the heap's. `kref` counts handles and dma-bufs, `handle_count` handles alone;
    `task_comm` and `pid` say who dropped the last handle. `kmap_cnt` counts uses of `vaddr`.
    With `dirty`, shape (pages,), user mappings are filled as they are touched: the pages that
    were since the last DMA, and `vmas` that map them. `shrinker_free` is ION_PRIV_FLAG_SHRINKER_FREE.
    """

    def __init__(self, device: IonDevice, heap: IonHeap, number: int, flags: int) -> None:
        self.device = device
        self.heap = heap
        self.number = number
        self.flags = flags
        self.size = 0
        self.sg_table: SgTable | None = None
        self.priv_virt: object = None
        self.shrinker_free = False
        self.kref = 1
        self.handle_count = 0
        self.task_comm = ""
        self.pid = 0
        self.kmap_cnt = 0
        self.vaddr: KernelMapping | None = None
        self.dirty: NDArray[np.bool_] | None = None
        self.vmas: dict[Vma, None] = {}
        self.lock = Mutex(device.kernel.sched, f"buffer->lock of ion buffer {number}")

    @property
    def heap_id(self) -> int:
        """Which heap the memory came from, where several were asked for."""
        return self.heap.id

    @property
    def cached(self) -> bool:
        """Whether the CPU maps it cached."""
        return bool(self.flags & ION_FLAG_CACHED)

    @property
    def faults_user_mappings(self) -> bool:
        """Whether 4.9 itself watches what programs touch: cached, and nobody promised to sync."""
        return self.cached and not self.flags & ION_FLAG_CACHED_NEEDS_SYNC

    @property
    def table(self) -> SgTable:
        """`sg_table` of a buffer that has memory."""
        assert self.sg_table is not None  # ion_buffer_create refuses a heap that sets none
        return self.sg_table

    @property
    def frames(self) -> Frames:
        """The page frames in order, shape (size / 4096,)."""
        return self.table.frames()[: self.size >> PAGE_SHIFT]

    # --- references -----------------------------------------------------------

    def get(self) -> None:
        """One more reference. WARN and UseAfterFree when it has none."""
        self._check("ion_buffer_get")
        self.kref += 1

    def put(self) -> None:
        """Drop a reference; the last frees the buffer, or leaves that to the heap's thread."""
        self._check("ion_buffer_put")
        self.kref -= 1
        if self.kref:
            return
        with self.device.buffer_lock:
            self.device.remove_buffer(self)
        if self.heap.deferred:
            self.heap.free_list.add(self)
        else:
            self.destroy()

    def destroy(self) -> None:
        """The memory goes back to the heap. WARN if kernel code still has it mapped."""
        if self.kmap_cnt > 0:
            kernel = self.device.kernel
            kernel.log.warn(
                f"ion_buffer_destroy: {self} is still mapped by the kernel, kmap_cnt {self.kmap_cnt}"
            )
            self._unmap_kernel()
        assert self.heap.ops.free is not None  # a buffer of such a heap could not be made
        self.heap.ops.free(self)

    def add_to_handle(self) -> None:
        """Another handle names it."""
        with self.lock:
            self.handle_count += 1

    def remove_from_handle(self, task: Task | None) -> None:
        """A handle is gone; the last one's task is remembered, for the buffer may live on as dma-bufs."""
        with self.lock:
            self.handle_count -= 1
            if not self.handle_count:
                self.task_comm = task.comm if task else KERNEL_COMM
                self.pid = task.pid if task else 0

    # --- kernel mappings --------------------------------------------------------

    def kmap_get(self) -> KernelMapping:
        """The kernel's mapping, made on the first call. With the lock held.

        The heap's errno; WARN and -EINVAL for a heap that returns NULL.
        """
        if not self.kmap_cnt:
            self.vaddr = self._map_kernel()
        assert self.vaddr is not None  # kmap_cnt counts its users
        self.kmap_cnt += 1
        return self.vaddr

    def kmap_put(self) -> None:
        """One user less; the last ends the mapping. With the lock held."""
        if not self.kmap_cnt:
            self.device.kernel.log.warn(f"ion_buffer_kmap_put: {self} is not mapped by the kernel")
            return
        self.kmap_cnt -= 1
        if not self.kmap_cnt:
            self._unmap_kernel()

    def _map_kernel(self) -> KernelMapping:
        assert self.heap.ops.map_kernel is not None  # callers ask for it first
        vaddr = self.heap.ops.map_kernel(self.heap, self)
        log = self.device.kernel.log
        if vaddr is None:
            log.warn_once("heap->ops->map_kernel should return ERR_PTR on error", "ion_buffer_kmap_get")
            raise KernelError(EINVAL, f"{self.heap} returned no mapping of {self}")
        warn_of_aliases(self.device.kernel, self.frames, vaddr.cached, f"kernel mapping of {self}")
        return vaddr

    def _unmap_kernel(self) -> None:
        if self.heap.ops.unmap_kernel:
            self.heap.ops.unmap_kernel(self.heap, self)
        self.vaddr = None

    def _check(self, call: str) -> None:
        if not self.kref:
            error = UseAfterFree(call, str(self))
            self.device.kernel.log.warn(str(error))
            raise error

    def __str__(self) -> str:
        return f"ion buffer {self.number} ({self.size} bytes of {self.heap.name})"


def ion_buffer_create(device: IonDevice, heap: IonHeap, length: int, align: int, flags: int) -> IonBuffer:
    """A buffer of `length` bytes, whole pages, with one reference.

    The heap's errno, after its free list was drained if it has one; -ENOMEM; WARN and -EINVAL
    for a heap that sets no table. The table's DMA side is the physical side: no device is asked.
    """
    kernel = device.kernel
    kernel.faults.kmalloc("ion_buffer")
    buffer = IonBuffer(device, heap, device.number_of_next_buffer(), flags)
    _allocate(heap, buffer, length, align, flags)
    buffer.size = length
    try:
        if buffer.sg_table is None:
            kernel.log.warn_once("This heap needs to set the sgtable", "ion_buffer_create")
            raise KernelError(EINVAL, f"{heap} set no sg_table")
        if buffer.faults_user_mappings:
            kernel.faults.kmalloc("page pointers")
            buffer.dirty = np.zeros(length >> PAGE_SHIFT, dtype=bool)
    except KernelError:
        buffer.destroy()
        raise
    table = buffer.sg_table
    table.dma_address, table.dma_length = table.starts.copy(), table.lengths.copy()
    with device.buffer_lock:
        device.add_buffer(buffer)
    return buffer


def _allocate(heap: IonHeap, buffer: IonBuffer, length: int, align: int, flags: int) -> None:
    """heap->allocate; a heap that frees later is made to free now, and is asked once more."""
    if heap.ops.allocate is None or heap.ops.free is None:
        raise KernelError(EINVAL, f"{heap} cannot allocate and free")
    try:
        heap.ops.allocate(heap, buffer, length, align, flags)
    except KernelError:
        if not heap.deferred:
            raise
        heap.free_list.drain()
        heap.ops.allocate(heap, buffer, length, align, flags)
