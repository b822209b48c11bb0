"""An exporter whose storage can move, and importers that follow it."""

from __future__ import annotations

from dataclasses import replace

from soc.dmabuf import DmaBufAttachment, DmaBufAttachOps, DmaBufOps
from soc.dmabuf.mapping import DmaBufConfig
from tests.dmabuf.small_kernel import Exporter, SmallKernel


class DynamicExporter(Exporter):
    """With pin and unpin; what was locked at each call is in `locked`."""

    def ops(self) -> DmaBufOps:
        return replace(super().ops(), pin=self.pin, unpin=self.unpin)

    def pin(self, attachment: DmaBufAttachment) -> None:
        self._call("pin", attachment.device.name)

    def unpin(self, attachment: DmaBufAttachment) -> None:
        self._call("unpin", attachment.device.name)


class Follower:
    """A dynamic importer: `notified` counts the moves it was told of."""

    def __init__(self) -> None:
        self.notified = 0
        self.held: list[bool] = []

    def ops(self) -> DmaBufAttachOps:
        return DmaBufAttachOps(self._move_notify)

    def _move_notify(self, attachment: DmaBufAttachment) -> None:
        self.notified += 1
        self.held.append(attachment.dmabuf.resv.held)


def with_move_notify(kernel: SmallKernel, on: bool = True) -> None:
    """CONFIG_DMABUF_MOVE_NOTIFY."""
    kernel.subsystem(DmaBufConfig).move_notify = on
