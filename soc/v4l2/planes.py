"""The planes of a slot: which dma-bufs they are, and getting those when the slot is queued.

A slot takes all planes or none. What it had before is kept if it is the same, else all of it
goes first. Planes of one dma-buf share an attachment.
Source: __prepare_dmabuf, __vb2_plane_dmabuf_put (videobuf2-core.c, 6.12).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from errno import EINVAL
from typing import TYPE_CHECKING

from soc.dmabuf import DmaBuf, dma_buf_get, dma_buf_put
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.v4l2.vb2_dma_contig import (
    Vb2DcBuf,
    vb2_dc_attach_dmabuf,
    vb2_dc_detach_dmabuf,
    vb2_dc_map_dmabuf,
    vb2_dc_unmap_dmabuf,
)

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.scatterlist import DmaDirection
    from soc.kernel.task import Task


@dataclass(eq=False)
class Plane:
    """`name` has a reference to `dmabuf`; at least `min_length` bytes are needed, `length` were said.

    `memory` is the attachment, another plane's if it is `duplicated`.
    """

    name: str
    min_length: int
    dmabuf: DmaBuf | None = None
    length: int = 0
    memory: Vb2DcBuf | None = None
    duplicated: bool = False

    @property
    def holder(self) -> Holder:
        return Holder("importer", self.name)


def acquire(
    task: Task,
    device: Device,
    direction: DmaDirection,
    planes: Sequence[Plane],
    wanted: Sequence[tuple[int, int]],
) -> None:
    """Let `planes` be the dma-bufs of (fd, length), attached and mapped for `device`.

    -EINVAL for an fd that is not open or no dma-buf, and for a length that is too small; the errno of
    vb2_dc_attach_dmabuf and vb2_dc_map_dmabuf. A failure leaves the slot without any dma-buf.
    """
    found: list[tuple[DmaBuf, int]] = []
    try:
        for plane, (fd, length) in zip(planes, wanted, strict=True):
            found.append(_look_up(task, plane, fd, length))
        if _same(planes, found):
            _put(planes, found)
        else:
            release(planes)
            _attach(device, direction, planes, found)
        _map(planes)
    except KernelError:
        _put(planes, found)
        release(planes)
        raise


def unmap_planes(planes: Sequence[Plane]) -> None:
    """End the device's access; attachments and references stay."""
    for plane in planes:
        if plane.memory is not None and not plane.duplicated and plane.memory.dma_sgt is not None:
            vb2_dc_unmap_dmabuf(plane.memory)


def release(planes: Sequence[Plane]) -> None:
    """Unmap, detach, put: the slot has no dma-buf."""
    unmap_planes(planes)
    for plane in planes:
        if plane.memory is not None and not plane.duplicated:
            vb2_dc_detach_dmabuf(plane.memory)
        if plane.dmabuf is not None:
            dma_buf_put(plane.dmabuf, plane.holder)
        plane.dmabuf, plane.memory, plane.length, plane.duplicated = None, None, 0, False


def _look_up(task: Task, plane: Plane, fd: int, length: int) -> tuple[DmaBuf, int]:
    """The dma-buf, with a reference for the plane, and the length that is meant. -EINVAL."""
    try:
        dmabuf = dma_buf_get(task, fd, plane.holder)
    except KernelError as error:
        raise KernelError(EINVAL, f"{plane.name}: invalid dmabuf fd: {error.why}") from error
    length = length or dmabuf.size
    if length < plane.min_length:
        dma_buf_put(dmabuf, plane.holder)
        raise KernelError(EINVAL, f"{plane.name}: {length} bytes are too few, it needs {plane.min_length}")
    return dmabuf, length


def _same(planes: Sequence[Plane], found: Sequence[tuple[DmaBuf, int]]) -> bool:
    pairs = zip(planes, found, strict=True)
    return all(plane.dmabuf is dmabuf and plane.length == length for plane, (dmabuf, length) in pairs)


def _put(planes: Sequence[Plane], found: list[tuple[DmaBuf, int]]) -> None:
    """Give back what was looked up and no plane has taken over."""
    while found:
        dmabuf, _ = found.pop()
        dma_buf_put(dmabuf, planes[len(found)].holder)


def _attach(
    device: Device, direction: DmaDirection, planes: Sequence[Plane], found: list[tuple[DmaBuf, int]]
) -> None:
    """The planes take over what was found, and attach each dma-buf once."""
    for plane, (dmabuf, length) in zip(planes, found, strict=True):
        plane.dmabuf, plane.length = dmabuf, length
    found.clear()
    for number, plane in enumerate(planes):
        twin = next((other for other in planes[:number] if other.dmabuf is plane.dmabuf), None)
        if twin is not None:
            plane.memory, plane.duplicated = twin.memory, True
            continue
        assert plane.dmabuf is not None  # it has just been set
        plane.memory = vb2_dc_attach_dmabuf(device, plane.dmabuf, plane.length, direction)


def _map(planes: Sequence[Plane]) -> None:
    """Map what is attached and not mapped."""
    for plane in planes:
        if plane.memory is not None and not plane.duplicated and plane.memory.dma_sgt is None:
            vb2_dc_map_dmabuf(plane.memory)
