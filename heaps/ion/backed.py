"""ION operations of a heap whose memory comes from a `MemorySource` (heaps/storage)."""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL
from typing import TYPE_CHECKING, cast

from heaps.ion.heap import (
    IonHeap,
    IonHeapOps,
    ion_heap_map_kernel,
    ion_heap_map_user,
    ion_heap_unmap_kernel,
)
from heaps.storage.memory import HeapMemory, MemorySource
from soc.address import human_size
from soc.kernel.errors import KernelError

if TYPE_CHECKING:
    from heaps.ion.buffer import IonBuffer

Shrink = Callable[[int], int]


def backed_ops(
    source: MemorySource, most_align: Callable[[int], int], in_one_run: bool, shrink: Shrink | None = None
) -> IonHeapOps:
    """Operations on `source`. `most_align(len)` is the largest alignment, in bytes, the heap takes.

    `in_one_run`: its buffers have a physical address. `shrink(pages)` gives pooled pages back.
    """

    def allocate(heap: IonHeap, buffer: IonBuffer, length: int, align: int, flags: int) -> None:
        check_align(heap, align, most_align(length))
        take(source, buffer, length)

    return IonHeapOps(
        allocate,
        give_back,
        phys=_phys if in_one_run else None,
        map_kernel=ion_heap_map_kernel,
        unmap_kernel=ion_heap_unmap_kernel,
        map_user=ion_heap_map_user,
        shrink=None if shrink is None else lambda heap, pages: shrink(pages),
    )


def check_align(heap: IonHeap, align: int, most: int) -> None:
    """-EINVAL for an alignment above `most`; that is all heaps make of it."""
    if align > most:
        raise KernelError(EINVAL, f"{heap} aligns to {human_size(most)} at most, not to {align:#x}")


def take(source: MemorySource, buffer: IonBuffer, length: int) -> None:
    """`length` bytes of `source` become the buffer's. The source's errno."""
    memory = source.allocate(length, buffer.cached)
    memory.belongs_to(f"ion buffer {buffer.number}")
    buffer.priv_virt, buffer.sg_table = memory, memory.sgt


def memory_of(buffer: IonBuffer) -> HeapMemory:
    """What `take` has taken."""
    return cast(HeapMemory, buffer.priv_virt)


def give_back(buffer: IonBuffer) -> None:
    """The memory is the source's again; past its pools where a shrinker frees the buffer."""
    memory_of(buffer).give_back(buffer.shrinker_free)


def _phys(heap: IonHeap, buffer: IonBuffer) -> tuple[int, int]:
    return int(buffer.table.starts[0]), buffer.size
