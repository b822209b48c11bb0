"""A buffer in the kernel's own address space: all of it (vmap), or page by page until 5.5 (kmap).

Whoever reads or writes there brackets it with begin and end of CPU access.
Source: drivers/dma-buf/dma-buf.c.
"""

from __future__ import annotations

import errno

from soc.dmabuf.buffer import DmaBuf
from soc.dmabuf.rules import assert_held, check_alive, invalid
from soc.kernel.errors import KernelBug, KernelError
from soc.kernel.generation import Generation
from soc.kernel.mm.vmap import KernelMapping


def dma_buf_vmap(dmabuf: DmaBuf | None) -> KernelMapping:
    """All of the buffer for kernel code; with the resv held since 6.2. Counted: a second call gives the same.

    -EINVAL for NULL or where the exporter has no vmap, its errno.
    """
    if dmabuf is None:
        invalid(None, "dma_buf_vmap", "no dma-buf")
    check_alive(dmabuf, "dma_buf_vmap")
    if dmabuf.ops.vmap is None:
        raise KernelError(errno.EINVAL, f"{dmabuf}: its exporter maps nothing for the kernel")
    assert_held(dmabuf, "dma_buf_vmap")
    if dmabuf.vmapping is None:
        dmabuf.vmapping = dmabuf.ops.vmap(dmabuf)
    dmabuf.vmapping_counter += 1
    return dmabuf.vmapping


def dma_buf_vunmap(dmabuf: DmaBuf | None, mapping: KernelMapping) -> None:
    """Give back what vmap gave; the last one ends it. -EINVAL for NULL; BUG for another mapping."""
    if dmabuf is None:
        invalid(None, "dma_buf_vunmap", "no dma-buf")
    check_alive(dmabuf, "dma_buf_vunmap")
    assert_held(dmabuf, "dma_buf_vunmap")
    if not dmabuf.vmapping_counter or dmabuf.vmapping is not mapping:
        what = f"dma_buf_vunmap: {dmabuf} is not vmapped there"
        dmabuf.kernel.log.warn(f"kernel BUG: {what}")
        raise KernelBug(what)
    dmabuf.vmapping_counter -= 1
    if not dmabuf.vmapping_counter:
        dmabuf.vmapping = None
        if dmabuf.ops.vunmap:
            dmabuf.ops.vunmap(dmabuf, mapping)


def dma_buf_vmap_unlocked(dmabuf: DmaBuf | None) -> KernelMapping:
    """`dma_buf_vmap` for a caller that does not hold the resv."""
    if dmabuf is None:
        invalid(None, "dma_buf_vmap_unlocked", "no dma-buf")
    check_alive(dmabuf, "dma_buf_vmap")
    with dmabuf.resv.locked():
        return dma_buf_vmap(dmabuf)


def dma_buf_vunmap_unlocked(dmabuf: DmaBuf | None, mapping: KernelMapping) -> None:
    """`dma_buf_vunmap` for a caller that does not hold the resv."""
    if dmabuf is None:
        invalid(None, "dma_buf_vunmap_unlocked", "no dma-buf")
    check_alive(dmabuf, "dma_buf_vunmap")
    with dmabuf.resv.locked():
        dma_buf_vunmap(dmabuf, mapping)


def dma_buf_kmap(dmabuf: DmaBuf, page: int) -> KernelMapping | None:
    """Page `page` of the buffer, None where the exporter cannot. -EINVAL in kernels that have no kmap."""
    check_alive(dmabuf, "dma_buf_kmap")
    _check_era(dmabuf, "dma_buf_kmap")
    return dmabuf.ops.kmap(dmabuf, page) if dmabuf.ops.kmap else None


def dma_buf_kunmap(dmabuf: DmaBuf, page: int, mapping: KernelMapping | None) -> None:
    """The end of a kmap. -EINVAL in kernels that have none."""
    check_alive(dmabuf, "dma_buf_kunmap")
    _check_era(dmabuf, "dma_buf_kunmap")


def _check_era(dmabuf: DmaBuf, call: str) -> None:
    if dmabuf.kernel.generation is not Generation.V4_9:
        raise KernelError(errno.EINVAL, f"{call}: Linux {dmabuf.kernel.generation} has no such call")
