"""CPU access to a dma-buf: the brackets around code of the CPU that touches its bytes.

`direction` is what the CPU will do, as a direction of DMA: it reads what a device
wrote (FROM_DEVICE), writes what a device will read (TO_DEVICE), or both. The core
neither nests nor balances brackets.
Source: drivers/dma-buf/dma-buf.c since 3.4.
"""

from __future__ import annotations

import errno

from soc.dmabuf.brackets import Brackets
from soc.dmabuf.buffer import DmaBuf
from soc.dmabuf.resv import dma_resv_usage_rw, dma_resv_wait_timeout
from soc.dmabuf.rules import check_alive, invalid, might_lock
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import DmaDirection


def dma_buf_begin_cpu_access(dmabuf: DmaBuf | None, direction: DmaDirection) -> None:
    """The exporter prepares the memory; then the fences that stand in the way are waited for.

    A write waits for readers and writers, a read for writers. -EINVAL for NULL; the
    exporter's errno as it is; -ERESTARTSYS when a signal ends the wait. 2011 has no such call: -ENODEV.
    """
    if dmabuf is None:
        invalid(None, "dma_buf_begin_cpu_access", "no dma-buf")
    _check(dmabuf, "dma_buf_begin_cpu_access")
    if dmabuf.ops.begin_cpu_access:
        dmabuf.ops.begin_cpu_access(dmabuf, direction)
    write = direction in (DmaDirection.BIDIRECTIONAL, DmaDirection.TO_DEVICE)
    dma_resv_wait_timeout(dmabuf.resv, dma_resv_usage_rw(write), interruptible=True)
    dmabuf.kernel.subsystem(Brackets).begin(dmabuf)


def dma_buf_end_cpu_access(dmabuf: DmaBuf | None, direction: DmaDirection) -> None:
    """The CPU is done; `direction` as in the begin.

    -EINVAL for NULL; the exporter's errno as it is, and then the access has not ended; 2011: -ENODEV.
    """
    if dmabuf is None:
        invalid(None, "dma_buf_end_cpu_access", "no dma-buf")
    _check(dmabuf, "dma_buf_end_cpu_access")
    if dmabuf.ops.end_cpu_access:
        dmabuf.ops.end_cpu_access(dmabuf, direction)
    dmabuf.kernel.subsystem(Brackets).end(dmabuf)


def _check(dmabuf: DmaBuf, call: str) -> None:
    check_alive(dmabuf, call)
    if dmabuf.kernel.generation < Generation.V4_9:
        raise KernelError(
            errno.ENODEV, f"{call}: Linux of {dmabuf.kernel.generation} gives the CPU no access"
        )
    might_lock(dmabuf, call)
