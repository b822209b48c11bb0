"""The ways to get the lifetime wrong that the thread is about, each in an importer or exporter of its own."""

from __future__ import annotations

import os
from dataclasses import replace

from soc.dmabuf import (
    DmaBuf,
    DmaBufAttachment,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_export,
    dma_buf_fd,
    dma_buf_get,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
)
from soc.drm.device import drm_dev_get
from soc.drm.export import DRM_GEM_PRIME_DMABUF_OPS
from soc.drm.file import drm_file_of
from soc.drm.gem import DrmGemObject, drm_gem_object_get
from soc.flows.exynos.app import CameraApp
from soc.flows.stage import Stage
from soc.kernel.fs.file import Holder
from soc.kernel.scatterlist import DmaDirection, SgTable

FIMC = Holder("importer", "fimc")
FROM_DEVICE = DmaDirection.FROM_DEVICE


class Importer:
    """vb2's calls one by one, so that they can be made in a wrong order."""

    def __init__(self, app: CameraApp, fd: int) -> None:
        self.app = app
        self.steps = app.steps
        task = app.task
        self.dmabuf = self.steps.call("vb2", f"dma_buf_get(fd {fd})", lambda: dma_buf_get(task, fd, FIMC))
        self.attach()

    def attach(self) -> None:
        device = self.app.fimc.device
        self.attachment: DmaBufAttachment = self.steps.call(
            "vb2", "dma_buf_attach(fimc)", lambda: dma_buf_attach(self.dmabuf, device), _nothing
        )
        self.sgt: SgTable = self.steps.call(
            "vb2",
            "dma_buf_map_attachment(FROM_DEVICE)",
            lambda: dma_buf_map_attachment_unlocked(self.attachment, FROM_DEVICE),
            lambda sgt: f"{sgt.size} bytes in one run",
        )

    def unmap(self) -> None:
        self.steps.attempt(
            "vb2",
            "dma_buf_unmap_attachment",
            lambda: dma_buf_unmap_attachment_unlocked(self.attachment, self.sgt, FROM_DEVICE),
        )

    def detach(self) -> None:
        self.steps.attempt("vb2", "dma_buf_detach", lambda: dma_buf_detach(self.dmabuf, self.attachment))

    def put(self) -> None:
        self.steps.attempt("vb2", "dma_buf_put", lambda: dma_buf_put(self.dmabuf, FIMC))


def put_before_detach(stage: Stage) -> None:
    """The importer gives its reference back first, and it is the last."""
    app = CameraApp(stage)
    handle = app.create()
    fd = app.export(handle)
    vb2 = Importer(app, fd)
    app.close(fd)
    app.gem_close(handle)
    address = int(vb2.sgt.dma_address[0])
    vb2.put()
    app.steps.call("fimc", "writes a frame", lambda: app.fimc.write_frame(address, 0x5A))
    app.steps.call("page owners", "audit", lambda: stage.kernel.memory.owners.audit(), _nothing)
    vb2.unmap()
    vb2.detach()
    app.close_card()


def put_in_detach(stage: Stage) -> None:
    """The exporter's detach gives the importer's reference back, and so does the importer."""
    app = CameraApp(stage)
    handle = app.create()
    obj = drm_file_of(app.task.files.file(app.card)).handles.find(handle)
    assert obj is not None  # it has just been made
    dmabuf = app.steps.call("exynos", "dma_buf_export(ops with a put in detach)", lambda: _export(obj))
    fd = app.steps.call("exynos", "dma_buf_fd", lambda: dma_buf_fd(app.task, dmabuf), "fd {}".format)
    vb2 = Importer(app, fd)
    vb2.unmap()
    vb2.detach()
    vb2.put()
    app.close(fd)
    app.close_card()


def _export(obj: DrmGemObject) -> DmaBuf:
    def detach(dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
        dma_buf_put(dmabuf, FIMC)

    ops = replace(DRM_GEM_PRIME_DMABUF_OPS, detach=detach, cache_sgt_mapping=False)
    dmabuf = dma_buf_export(obj.dev.kernel, obj, ops, obj.size, os.O_RDWR, obj.dev.driver.name, obj.resv)
    drm_dev_get(obj.dev)
    drm_gem_object_get(obj, str(dmabuf))
    return dmabuf


def importer_frees(stage: Stage) -> None:
    """vb2 takes the pages it was shown for its own and frees them with its buffer."""
    app = CameraApp(stage)
    handle = app.create()
    fd = app.export(handle)
    vb2 = Importer(app, fd)
    first, count = int(vb2.sgt.frames()[0]), len(vb2.sgt.frames())
    cma = stage.kernel.memory.cma.find(first, count)
    assert cma is not None  # the object's memory is from there
    vb2.unmap()
    vb2.detach()
    app.steps.call("vb2", "frees the pages with its vb2_dc_buf", lambda: cma.release(first, count))
    vb2.put()
    app.close(fd)
    other = app.create()
    app.gem_close(other)
    app.gem_close(handle)
    app.close_card()


def _nothing(value: object) -> str:
    return ""
