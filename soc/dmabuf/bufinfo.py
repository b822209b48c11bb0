"""/sys/kernel/debug/dma_buf/bufinfo: every buffer with its fences and attached devices.

Programs parse it, so its text is exact. Kernels of 2011 have none.
Source: dma_buf_debug_show in drivers/dma-buf/dma-buf.c.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from soc.dmabuf.buffer import DmaBuf
from soc.dmabuf.export import dma_bufs
from soc.dmabuf.fence import Fences
from soc.dmabuf.resv import dma_resv_describe
from soc.kernel.generation import Generation

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore

BUFINFO = "/sys/kernel/debug/dma_buf/bufinfo"
ACCESS_MODES = {os.O_RDONLY: 0x1, os.O_WRONLY: 0x2, os.O_RDWR: 0x3}
"""FMODE_READ and FMODE_WRITE."""
FMODE_LSEEK, FMODE_OPENED = 0x4, 0x80000


def dma_buf_init(kernel: KernelCore) -> None:
    """Register the file, where the generation has it, and what is counted of buffers."""
    kernel.counters.add("dma-buf attachments", lambda: sum(len(b.attachments) for b in dma_bufs(kernel)))
    kernel.counters.add("dma-buf mappings", lambda: sum(len(b.active) for b in dma_bufs(kernel)))
    kernel.counters.add("fences", lambda: len(kernel.subsystem(Fences).live()))
    if kernel.generation >= Generation.V4_9:
        kernel.views.add(BUFINFO, lambda: bufinfo(kernel))


def bufinfo(kernel: KernelCore) -> str:
    """The whole text."""
    named = kernel.generation >= Generation.V6_12
    header = "size\tflags\tmode\tcount\texp_name"
    if named:
        header = "size    \tflags   \tmode    \tcount   \texp_name\tino     \tname"
    buffers = dma_bufs(kernel)
    lines = ["", "Dma-buf Objects:", header]
    for dmabuf in buffers:
        lines += _buffer(dmabuf, named)
    total = sum(dmabuf.size for dmabuf in buffers)
    lines += ["", f"Total {len(buffers)} objects, {total} bytes"]
    return "\n".join(lines) + "\n"


def _buffer(dmabuf: DmaBuf, named: bool) -> list[str]:
    file = dmabuf.file
    mode = ACCESS_MODES.get(file.flags & os.O_ACCMODE, 0) | FMODE_LSEEK | (FMODE_OPENED if named else 0)
    row = f"{dmabuf.size:08d}\t{file.flags:08x}\t{mode:08x}\t{file.f_count:08d}\t{dmabuf.exp_name}"
    if named:
        row += f"\t{dmabuf.ino:08d}\t{dmabuf.name or '<none>'}"
    lines = [row]
    with dmabuf.resv.locked():
        lines += dma_resv_describe(dmabuf.resv)
    lines.append("\tAttached Devices:")
    lines += [f"\t{attachment.device.name}" for attachment in dmabuf.attachments]
    lines += [f"Total {len(dmabuf.attachments)} devices attached", ""]
    return lines
