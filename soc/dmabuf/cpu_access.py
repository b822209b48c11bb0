"""CPU access to a dma-buf: the brackets around kernel code that touches its bytes.

Source: drivers/dma-buf/dma-buf.c since 3.4. The core neither
nests nor balances brackets, it passes them to the exporter, which alone knows
which devices have the buffer mapped and what their caches need.
"""

from __future__ import annotations

import errno

from soc.dmabuf.buffer import DmaBuf
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection


def dma_buf_begin_cpu_access(dmabuf: DmaBuf | None, direction: DmaDirection) -> None:
    """The CPU is about to read (FROM_DEVICE), write (TO_DEVICE) or do both.

    -EINVAL for NULL; an exporter's errno as it is. Without the operation nothing happens.
    """
    if dmabuf is None:
        raise KernelError(errno.EINVAL, "dma_buf_begin_cpu_access: no dma-buf")
    if dmabuf.ops.begin_cpu_access:
        dmabuf.ops.begin_cpu_access(dmabuf, direction)


def dma_buf_end_cpu_access(dmabuf: DmaBuf | None, direction: DmaDirection) -> None:
    """The CPU is done; `direction` as in the begin. -EINVAL for NULL, an exporter's errno as it is."""
    if dmabuf is None:
        raise KernelError(errno.EINVAL, "dma_buf_end_cpu_access: no dma-buf")
    if dmabuf.ops.end_cpu_access:
        dmabuf.ops.end_cpu_access(dmabuf, direction)
