"""Mapping a buffer for an attached device, and pinning the storage of one that can move.

    exporter   importer   map, until 6.14              since 6.15
    static     static     calls the exporter           calls the exporter
    static     dynamic    what attach has mapped       calls the exporter
    dynamic    static     what attach has mapped       pins for as long as it is mapped
    dynamic    dynamic    calls the exporter; pinned for as long as it is mapped unless
                          the kernel is built with move_notify

Source: drivers/dma-buf/dma-buf.c.

Not modelled: peer-to-peer, the page links that CONFIG_DMABUF_DEBUG scrambles.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from soc.address import PAGE_MASK
from soc.dmabuf.buffer import DmaBuf, DmaBufAttachment, Mapping
from soc.dmabuf.resv import DmaResvUsage, dma_resv_wait_timeout
from soc.dmabuf.rules import assert_held, check_attached, invalid
from soc.dmabuf.sanitizer.strays import StrayWatch
from soc.dmabuf.sanitizer.usable import check_reach
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore


class DmaBufConfig:
    """How the kernel is built: set before the first export, all off by default.

    move_notify  CONFIG_DMABUF_MOVE_NOTIFY
    sysfs_stats  CONFIG_DMABUF_SYSFS_STATS, in 6.12 and 6.15 (soc/dmabuf/sysfs_stats.py)
    """

    def __init__(self, kernel: KernelCore) -> None:
        self.move_notify = False
        self.sysfs_stats = False


def dma_buf_map_attachment(attachment: DmaBufAttachment | None, direction: DmaDirection) -> SgTable:
    """The buffer's table, its DMA side filled for the attachment's device; with the resv held since 6.2.

    -EINVAL for NULL, the exporter's errno, -ENOMEM when it returns NULL, -EBUSY when a
    mapping is kept for another direction; a static importer waits until the memory has arrived
    (KERNEL fences), which a signal ends with -ERESTARTSYS.
    """
    if attachment is None:
        invalid(None, "dma_buf_map_attachment", "no attachment")
    check_attached(attachment, "dma_buf_map_attachment")
    dmabuf = attachment.dmabuf
    assert_held(dmabuf, "dma_buf_map_attachment")
    if (kept := attachment.sgt) is not None:
        if attachment.direction not in (direction, DmaDirection.BIDIRECTIONAL):
            had = attachment.direction.name
            raise KernelError(errno.EBUSY, f"{attachment} is mapped {had}, not {direction.name}")
        return kept
    pinned = _pins_while_mapped(attachment)
    if pinned:
        _pin_for_map(attachment)
    try:
        sgt = _map(attachment, direction)
    except KernelError:
        if pinned:
            _unpin(attachment)
        raise
    if dmabuf.ops.cache_sgt_mapping and dmabuf.kernel.generation <= Generation.V6_12:
        attachment.sgt, attachment.direction = sgt, direction
    return sgt


def dma_buf_map_attachment_unlocked(attachment: DmaBufAttachment | None, direction: DmaDirection) -> SgTable:
    """The same for a caller that does not hold the resv."""
    if attachment is None:
        invalid(None, "dma_buf_map_attachment_unlocked", "no attachment")
    check_attached(attachment, "dma_buf_map_attachment")
    with attachment.dmabuf.resv.locked():
        return dma_buf_map_attachment(attachment, direction)


def dma_buf_unmap_attachment(
    attachment: DmaBufAttachment | None, sgt: SgTable | None, direction: DmaDirection
) -> None:
    """The device's DMA is over: give the table back; with the resv held since 6.2.

    -EINVAL for no attachment; WARN for no table, one that is not mapped, or another direction
    than it was mapped for. Nothing happens to a mapping that is kept.
    """
    if attachment is None:
        invalid(None, "dma_buf_unmap_attachment", "no attachment")
    dmabuf = attachment.dmabuf
    if sgt is None:
        dmabuf.kernel.log.warn(f"dma_buf_unmap_attachment: {attachment}: no table")
        return
    check_attached(attachment, "dma_buf_unmap_attachment")
    assert_held(dmabuf, "dma_buf_unmap_attachment")
    if sgt is attachment.sgt:
        return
    mapping = dmabuf.active.get((attachment, sgt))
    if mapping is None:
        dmabuf.kernel.log.warn(f"dma_buf_unmap_attachment: {attachment}: the table is not mapped")
        return
    if mapping.direction is not direction:
        was = f"it was mapped {mapping.direction.name}, not {direction.name}"
        dmabuf.kernel.log.warn(f"dma_buf_unmap_attachment: {attachment}: {was}")
    _unmap(mapping)
    if _pins_while_mapped(attachment):
        _unpin(attachment)


def dma_buf_unmap_attachment_unlocked(
    attachment: DmaBufAttachment | None, sgt: SgTable | None, direction: DmaDirection
) -> None:
    """The same for a caller that does not hold the resv."""
    if attachment is None:
        invalid(None, "dma_buf_unmap_attachment_unlocked", "no attachment")
    check_attached(attachment, "dma_buf_unmap_attachment")
    with attachment.dmabuf.resv.locked():
        dma_buf_unmap_attachment(attachment, sgt, direction)


# --- storage that moves ----------------------------------------------------------


def dma_buf_pin(attachment: DmaBufAttachment) -> None:
    """Keep the storage where it is, for a scan-out that cannot follow. With the resv held.

    WARN for an attachment that is not dynamic; the exporter's errno: -EINVAL, -ENOMEM, -EBUSY.
    """
    dmabuf = attachment.dmabuf
    check_attached(attachment, "dma_buf_pin")
    _assert_dynamic(attachment, "dma_buf_pin")
    assert_held(dmabuf, "dma_buf_pin")
    if dmabuf.ops.pin:
        dmabuf.ops.pin(attachment)
        dmabuf.file.note("pin", attachment.device.name)


def dma_buf_unpin(attachment: DmaBufAttachment) -> None:
    """Let the storage move again. With the resv held. WARN for an attachment that is not dynamic."""
    check_attached(attachment, "dma_buf_unpin")
    _assert_dynamic(attachment, "dma_buf_unpin")
    assert_held(attachment.dmabuf, "dma_buf_unpin")
    _unpin(attachment)


def dma_buf_move_notify(dmabuf: DmaBuf) -> None:
    """The exporter is about to move the storage: every dynamic importer is told. With the resv held."""
    assert_held(dmabuf, "dma_buf_move_notify")
    for attachment in list(dmabuf.attachments):
        if attachment.importer_ops is not None and attachment.importer_ops.move_notify:
            dmabuf.file.note("move_notify", attachment.device.name)
            attachment.importer_ops.move_notify(attachment)


# --- mappings that attach keeps ---------------------------------------------------


def keep_mapping(attachment: DmaBufAttachment) -> None:
    """Pin if the storage can move, map for both directions, keep it until detach. The errno of either."""
    dmabuf = attachment.dmabuf
    with dmabuf.resv.locked():
        if dmabuf.ops.pin:
            dmabuf.ops.pin(attachment)
        try:
            attachment.sgt = _map(attachment, DmaDirection.BIDIRECTIONAL)
        except KernelError:
            if dmabuf.dynamic:
                _unpin(attachment)
            raise
        attachment.direction = DmaDirection.BIDIRECTIONAL


def drop_kept_mapping(attachment: DmaBufAttachment) -> None:
    """Unmap, and unpin, what `keep_mapping` or cache_sgt_mapping kept. With the resv held."""
    if attachment.sgt is None:
        return
    _unmap(attachment.dmabuf.active[attachment, attachment.sgt])
    attachment.sgt = None
    if attachment.dmabuf.dynamic:
        _unpin(attachment)


# --- inside ---------------------------------------------------------------------


def _map(attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
    dmabuf = attachment.dmabuf
    assert dmabuf.ops.map_dma_buf is not None  # dma_buf_export refuses such operations
    watch = dmabuf.kernel.subsystem(StrayWatch)
    watch.look(dmabuf)
    sgt = dmabuf.ops.map_dma_buf(attachment, direction)
    if sgt is None:
        who = attachment.device.name
        raise KernelError(errno.ENOMEM, f"{dmabuf}: the exporter could not map it for {who}")
    _check_alignment(dmabuf, sgt)
    check_reach(attachment, sgt)
    mapping = dmabuf.active.setdefault((attachment, sgt), Mapping(attachment, sgt, direction, 0))
    mapping.times += 1
    watch.mapped(dmabuf, mapping)
    dmabuf.file.note("map", str(mapping))
    if not attachment.dynamic and dmabuf.kernel.generation >= Generation.V6_12:
        try:
            dma_resv_wait_timeout(dmabuf.resv, DmaResvUsage.KERNEL, interruptible=True)
        except KernelError:
            _unmap(mapping)
            raise
    return sgt


def _unmap(mapping: Mapping) -> None:
    attachment = mapping.attachment
    dmabuf = attachment.dmabuf
    dmabuf.kernel.subsystem(StrayWatch).look(dmabuf)
    dmabuf.file.note("unmap", str(mapping))
    mapping.times -= 1
    if not mapping.times:
        del dmabuf.active[attachment, mapping.sgt]
    assert dmabuf.ops.unmap_dma_buf is not None  # dma_buf_export refuses such operations
    dmabuf.ops.unmap_dma_buf(attachment, mapping.sgt, mapping.direction)


def _pins_while_mapped(attachment: DmaBufAttachment) -> bool:
    """Whether a mapping of this attachment pins the storage (dma_buf_pin_on_map)."""
    dmabuf = attachment.dmabuf
    if not dmabuf.dynamic:
        return False
    static = not attachment.dynamic and dmabuf.kernel.generation >= Generation.V6_15
    return static or not dmabuf.kernel.subsystem(DmaBufConfig).move_notify


def _pin_for_map(attachment: DmaBufAttachment) -> None:
    dmabuf = attachment.dmabuf
    assert dmabuf.ops.pin is not None  # only asked of a dynamic exporter
    try:
        dmabuf.ops.pin(attachment)
    except KernelError as error:
        if error.errno == errno.EBUSY and dmabuf.kernel.generation >= Generation.V6_15:
            dmabuf.kernel.log.warn(f"dma_buf_map_attachment: pin of {dmabuf} must not fail with -EBUSY")
        raise


def _unpin(attachment: DmaBufAttachment) -> None:
    if attachment.dmabuf.ops.unpin:
        attachment.dmabuf.ops.unpin(attachment)


def _assert_dynamic(attachment: DmaBufAttachment, call: str) -> None:
    if not attachment.dynamic:
        attachment.dmabuf.kernel.log.warn(f"{call}: {attachment} is not dynamic")


def _check_alignment(dmabuf: DmaBuf, sgt: SgTable) -> None:
    """Every entry of a table starts and ends at a page; only kernels with DMA_API_DEBUG look."""
    if ((sgt.dma_address | sgt.dma_length) & PAGE_MASK).any():
        dmabuf.kernel.log.info(f"dma_buf_map_attachment: {dmabuf}: an entry of the table is not page aligned")
