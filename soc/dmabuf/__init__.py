"""dma-buf: buffers as files, shared between devices, as of four generations of Linux.

    exporter                      user space          importer
    1 dma_buf_export
    2 dma_buf_fd  --- fd -------> passes it on -----> 3 dma_buf_get
                                                      4 dma_buf_attach
                                                      5 dma_buf_map_attachment ... DMA ...
                                                      6 dma_buf_unmap_attachment
                                                      7 dma_buf_detach
      release  <----------------- close(fd) --------- 8 dma_buf_put

A call that returns ERR_PTR(-errno) in the kernel raises KernelError here; a
WARN_ON goes to the kernel's log. Source: drivers/dma-buf/dma-buf.c; in 2011
drivers/base/dma-buf.c.

Where Linux is silent or flawed, this is what the model does:
- a NULL argument is warned about in the log of the kernel that the other
  argument belongs to; when there is none, no log is known: -EINVAL is raised
  without a warning, for void calls too;
- an exporter that returns NULL from map_dma_buf gives -ENOMEM in every
  generation; 2011 hands the NULL to the importer;
- the framework of 2011 checks neither mappings nor attachments when one of them
  goes away; the model warns, naming buffer and holder, and goes on as the kernel would;
- a buffer or attachment used after its end is a warning and UseAfterFree.
"""

from soc.dmabuf.attach import dma_buf_attach, dma_buf_detach, dma_buf_dynamic_attach
from soc.dmabuf.buffer import (
    DmaBuf,
    DmaBufAttachment,
    DmaBufAttachOps,
    DmaBufOps,
    Mapping,
)
from soc.dmabuf.cpu_access import dma_buf_begin_cpu_access, dma_buf_end_cpu_access
from soc.dmabuf.export import (
    dma_buf_export,
    dma_buf_fd,
    dma_buf_get,
    dma_buf_put,
    dma_bufs,
    get_dma_buf,
)
from soc.dmabuf.fileops import dma_buf_mmap
from soc.dmabuf.mapping import (
    dma_buf_map_attachment,
    dma_buf_map_attachment_unlocked,
    dma_buf_move_notify,
    dma_buf_pin,
    dma_buf_unmap_attachment,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_unpin,
)
from soc.dmabuf.vmap import (
    dma_buf_kmap,
    dma_buf_kunmap,
    dma_buf_vmap,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap,
    dma_buf_vunmap_unlocked,
)

__all__ = [
    "DmaBuf",
    "DmaBufAttachOps",
    "DmaBufAttachment",
    "DmaBufOps",
    "Mapping",
    "dma_buf_attach",
    "dma_buf_begin_cpu_access",
    "dma_buf_detach",
    "dma_buf_dynamic_attach",
    "dma_buf_end_cpu_access",
    "dma_buf_export",
    "dma_buf_fd",
    "dma_buf_get",
    "dma_buf_kmap",
    "dma_buf_kunmap",
    "dma_buf_map_attachment",
    "dma_buf_map_attachment_unlocked",
    "dma_buf_mmap",
    "dma_buf_move_notify",
    "dma_buf_pin",
    "dma_buf_put",
    "dma_buf_unmap_attachment",
    "dma_buf_unmap_attachment_unlocked",
    "dma_buf_unpin",
    "dma_buf_vmap",
    "dma_buf_vmap_unlocked",
    "dma_buf_vunmap",
    "dma_buf_vunmap_unlocked",
    "dma_bufs",
    "get_dma_buf",
]
