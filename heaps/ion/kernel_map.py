"""What kernel code can ask of a handle: a mapping, the physical address, the table.

Source: ion_map_kernel, ion_unmap_kernel (ion.c, 4.9); ion_phys and ion_sg_table of
the kernels before it, which left Linux in 2016 and are kept for drivers written against them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL, ENODEV
from typing import TYPE_CHECKING

from heaps.ion.handle import IonHandle, ion_handle_kmap_put, ion_handle_validate
from soc.kernel.errors import KernelError
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import SgTable

if TYPE_CHECKING:
    from heaps.ion.client import IonClient


def ion_map_kernel(client: IonClient, handle: IonHandle) -> KernelMapping:
    """The buffer for kernel code: the same mapping for all who ask. Counted by handle and by buffer.

    -EINVAL for a handle that is not valid, -ENODEV where the heap cannot; the heap's errno.
    """
    with _valid(client, handle, "map_kernel"):
        if handle.buffer.heap.ops.map_kernel is None:
            client.device.kernel.log.error("ion_map_kernel: map_kernel is not implemented by this heap")
            raise KernelError(ENODEV, f"{handle.buffer.heap} maps nothing for the kernel")
        buffer = handle.buffer
        with buffer.lock:
            vaddr = buffer.vaddr if handle.kmap_cnt else buffer.kmap_get()
            assert vaddr is not None  # whoever counts has mapped it
            handle.kmap_cnt += 1
            return vaddr


def ion_unmap_kernel(client: IonClient, handle: IonHandle) -> None:
    """The end of one `ion_map_kernel`. One too many is a WARN, and ignored."""
    with client.lock, handle.buffer.lock:
        ion_handle_kmap_put(handle)


def ion_phys(client: IonClient, handle: IonHandle) -> tuple[int, int]:
    """(address as a device has it, bytes) of a buffer that lies in one run.

    -EINVAL for a handle that is not valid, -ENODEV for a heap whose buffers need not lie so.
    """
    with _valid(client, handle, "phys"):
        heap = handle.buffer.heap
        if heap.ops.phys is None:
            client.device.kernel.log.error("ion_phys: ion_phys is not implemented by this heap")
            raise KernelError(ENODEV, f"{heap} has no physical address to give")
        return heap.ops.phys(heap, handle.buffer)


def ion_sg_table(client: IonClient, handle: IonHandle) -> SgTable:
    """The buffer's one table, its DMA side physical. -EINVAL for a handle that is not valid."""
    with _valid(client, handle, "sg_table"):
        return handle.buffer.table


@contextmanager
def _valid(client: IonClient, handle: IonHandle, what: str) -> Iterator[None]:
    """The client's lock, with a handle that is its own."""
    with client.lock:
        if not ion_handle_validate(client, handle):
            client.device.kernel.log.error(f"ion: invalid handle passed to {what}: {handle}")
            raise KernelError(EINVAL, f"{handle} is not valid")
        yield
