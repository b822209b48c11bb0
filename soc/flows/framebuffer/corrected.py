"""The framebuffer driver put right: no fd where none is needed, and a reference before each dma_buf_fd.

ion_share_dma_buf gives the dma-buf itself, and its one reference is the driver's. A program's
client takes its handle from the dma-buf, not from an fd. dma_buf_fd consumes a reference, so the
driver takes one for it first, and has it back if there is no fd.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from heaps.ion.alloc import ion_alloc, ion_free
from heaps.ion.client import IonClient, ion_client_create, ion_client_destroy
from heaps.ion.share import ion_import_dma_buf, ion_share_dma_buf
from soc.dmabuf import DmaBuf, dma_buf_fd, dma_buf_mmap, dma_buf_put, get_dma_buf
from soc.flows.framebuffer.device import FB_SIZE, Framebuffer, handle_name
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.uapi.ion import ION_HEAP_SYSTEM_MASK

if TYPE_CHECKING:
    from heaps.ion.handle import IonHandle
    from soc.kernel.mm.vma import Vma
    from soc.kernel.task import Task

G_DMA_BUF = Holder("kernel", "fb g_dma_buf")
FOR_FD = Holder("kernel", "fb for an fd")


class Corrected(Framebuffer):
    """One reference is the driver's, from init to exit; every other has an owner who drops it."""

    def init(self, task: Task) -> None:
        """-ENOMEM, and then nothing is left."""
        step, idev = self.steps.call, self.idev
        self.init_client = step("fb", 'ion_client_create("fb")', lambda: ion_client_create(idev, "fb"))
        client = self.init_client
        try:
            self.init_hdl = step(
                "fb",
                f"ion_alloc(init_client, {FB_SIZE >> 10} KiB)",
                lambda: ion_alloc(client, FB_SIZE, 0, ION_HEAP_SYSTEM_MASK, 0),
                handle_name,
            )
            self.dmabuf = step("fb", "g_dma_buf = ion_share_dma_buf(init_hdl)", self._share)
        except KernelError:
            step("fb", "ion_client_destroy(init_client)", lambda: ion_client_destroy(client))
            raise

    def import_(self, task: Task, client: IonClient) -> IonHandle:
        """-ENOMEM."""
        dmabuf = self.dmabuf
        return self.steps.call(
            "fb", "ion_import_dma_buf(g_dma_buf)", lambda: ion_import_dma_buf(client, dmabuf), handle_name
        )

    def share(self, task: Task) -> int:
        """An fd of the buffer for a program. -EMFILE."""
        step, dmabuf = self.steps.call, self.dmabuf
        step("fb", "get_dma_buf(g_dma_buf)", lambda: get_dma_buf(dmabuf, FOR_FD))
        try:
            return step(
                "fb",
                "dma_buf_fd(g_dma_buf)",
                lambda: dma_buf_fd(task, dmabuf, os.O_CLOEXEC, FOR_FD),
                "fd {}".format,
            )
        except KernelError:
            step("fb", "dma_buf_put(g_dma_buf)", lambda: dma_buf_put(dmabuf, FOR_FD))
            raise

    def mmap(self, vma: Vma) -> None:
        """The driver's own mmap shows the dma-buf, which the mapping then refers to."""
        self.steps.call("fb", "dma_buf_mmap(g_dma_buf)", lambda: dma_buf_mmap(self.dmabuf, vma, vma.pgoff))

    def exit(self) -> None:
        client, handle = self.init_client, self.init_hdl
        self.steps.call("fb", "dma_buf_put(g_dma_buf)", lambda: dma_buf_put(self.dmabuf, G_DMA_BUF))
        self.steps.call("fb", "ion_free(init_hdl)", lambda: ion_free(client, handle))
        self.steps.call("fb", "ion_client_destroy(init_client)", lambda: ion_client_destroy(client))

    def _share(self) -> DmaBuf:
        """The reference of the export is the driver's; the ledger is told its name."""
        dmabuf = ion_share_dma_buf(self.init_client, self.init_hdl)
        dmabuf.file.transfer(dmabuf.exporter, G_DMA_BUF)
        return dmabuf
