"""The framebuffer driver as it was asked about, call by call; wrong, and on purpose so.

The mail's ion_share_dma_buf and ion_import_dma_buf deal in fds; since 4.9 those are called _fd.
`believed` is the ledger's name of the reference that the driver believes to have.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from heaps.ion.alloc import ion_alloc, ion_free
from heaps.ion.client import IonClient, ion_client_create, ion_client_destroy
from heaps.ion.share import ion_import_dma_buf_fd, ion_share_dma_buf_fd
from soc.dmabuf import dma_buf_fd, dma_buf_get, dma_buf_put
from soc.flows.framebuffer.device import FB_SIZE, Framebuffer, handle_name
from soc.kernel.fs.file import Holder
from soc.kernel.uapi.ion import ION_HEAP_SYSTEM_MASK

if TYPE_CHECKING:
    from heaps.ion.handle import IonHandle
    from soc.kernel.task import Task

G_DMA_BUF = Holder("kernel", "fb g_dma_buf")


class AsAsked(Framebuffer):
    """Every reference is believed to be where it is not."""

    believed: Holder

    def init(self, task: Task) -> None:
        """Probe, in the context of the process that loads the driver."""
        step, idev = self.steps.call, self.idev
        self.init_client = step("fb", 'ion_client_create("fb")', lambda: ion_client_create(idev, "fb"))
        client = self.init_client
        self.init_hdl = step(
            "fb",
            f"ion_alloc(init_client, {FB_SIZE >> 10} KiB)",
            lambda: ion_alloc(client, FB_SIZE, 0, ION_HEAP_SYSTEM_MASK, 0),
            handle_name,
        )
        handle = self.init_hdl
        fd = step(
            "fb", "ion_share_dma_buf(init_hdl)", lambda: ion_share_dma_buf_fd(client, handle), "fd {}".format
        )
        self.dmabuf = step(
            "fb", f"g_dma_buf = dma_buf_get(fd {fd})", lambda: dma_buf_get(task, fd, G_DMA_BUF)
        )
        dmabuf = self.dmabuf
        step(
            "fb",
            "dma_buf_put(g_dma_buf): believes to keep the fd's reference",
            lambda: dma_buf_put(dmabuf, G_DMA_BUF),
        )
        step(
            "fb", f"put_unused_fd(fd {fd}): believes that it is unused", lambda: task.files.put_unused_fd(fd)
        )
        self.believed = task.files.holder(fd)

    def import_(self, task: Task, client: IonClient) -> IonHandle:
        """A handle for a program's client. The first call releases the buffer under everybody's feet."""
        step, dmabuf = self.steps.call, self.dmabuf
        fd = step(
            "fb",
            "fd = dma_buf_fd(g_dma_buf): believes that it takes a reference",
            lambda: dma_buf_fd(task, dmabuf, os.O_CLOEXEC, self.believed),
            "fd {}".format,
        )
        taken = task.files.holder(fd)
        handle: IonHandle = step(
            "fb", f"ion_import_dma_buf(fd {fd})", lambda: ion_import_dma_buf_fd(client, fd), handle_name
        )
        step("fb", "dma_buf_put(g_dma_buf): believes to give that back", lambda: dma_buf_put(dmabuf, taken))
        step("fb", f"put_unused_fd(fd {fd})", lambda: task.files.put_unused_fd(fd))
        return handle

    def exit(self) -> None:
        """The driver is unloaded."""
        client, handle = self.init_client, self.init_hdl
        self.steps.attempt("fb", "dma_buf_put(g_dma_buf)", lambda: dma_buf_put(self.dmabuf, G_DMA_BUF))
        self.steps.call("fb", "ion_free(init_hdl)", lambda: ion_free(client, handle))
        self.steps.call("fb", "ion_client_destroy(init_client)", lambda: ion_client_destroy(client))
