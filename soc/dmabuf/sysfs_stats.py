"""Statistics of every buffer in sysfs: /sys/kernel/dmabuf/buffers/<ino>/exporter_name and .../size.

A build option of kernels from 5.14 to 2025, here 6.12 and 6.15: CONFIG_DMABUF_SYSFS_STATS,
`sysfs_stats` of DmaBufConfig. Elsewhere setting it does nothing.
Source: drivers/dma-buf/dma-buf-sysfs-stats.c.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from soc.dmabuf.mapping import DmaBufConfig
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation

if TYPE_CHECKING:
    from soc.dmabuf.buffer import DmaBuf
    from soc.kernel.core import KernelCore

BUFFERS = "/sys/kernel/dmabuf/buffers"


def has_sysfs_stats(kernel: KernelCore) -> bool:
    """Whether this kernel has the option and is built with it."""
    known = Generation.V6_12 <= kernel.generation <= Generation.V6_15
    return known and kernel.subsystem(DmaBufConfig).sysfs_stats


def check_stats(kernel: KernelCore, exp_name: str) -> None:
    """Before a buffer is made: -EINVAL for an exporter without a name, -ENOMEM."""
    if not has_sysfs_stats(kernel):
        return
    if not exp_name:
        kernel.log.error("dma_buf_export: the statistics of a buffer need the name of its exporter")
        raise KernelError(errno.EINVAL, "dma_buf_export: an exporter without a name has no statistics")
    kernel.faults.kmalloc("dma_buf_sysfs_entry")


def dma_buf_stats_setup(dmabuf: DmaBuf) -> None:
    """The buffer is there: so are its files."""
    kernel = dmabuf.kernel
    if has_sysfs_stats(kernel):
        kernel.views.add(f"{BUFFERS}/{dmabuf.ino}/exporter_name", lambda: f"{dmabuf.exp_name}\n")
        kernel.views.add(f"{BUFFERS}/{dmabuf.ino}/size", lambda: f"{dmabuf.size}\n")


def dma_buf_stats_teardown(dmabuf: DmaBuf) -> None:
    """The buffer goes, and its files before it."""
    kernel = dmabuf.kernel
    if has_sysfs_stats(kernel):
        for path in kernel.views.list(f"{BUFFERS}/{dmabuf.ino}"):
            kernel.views.remove(path)
