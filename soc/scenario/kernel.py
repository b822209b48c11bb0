"""A scenario driven by the modelled kernel."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from devices.camera.driver import CameraDriver
from devices.drivers import DRIVERS
from devices.lcdif.driver import LcdifDriver
from heaps import catalogue
from soc.address import Iova
from soc.dmabuf.buffer import DmaBuf
from soc.dmabuf.fence import FenceWatchdog
from soc.dmabuf.sanitizer.final import final_report
from soc.dmabuf.sanitizer.strays import StrayWatch
from soc.errors import BadInput
from soc.kernel.device import Driver
from soc.kernel.errors import KernelError
from soc.kernel.iommu.domain import DomainKind
from soc.kernel.kernel import Kernel
from soc.picture import PictureFormat
from soc.scenario.bugs import conflict, with_bugs
from soc.scenario.heap import open_heap
from soc.scenario.outcome import Outcome
from soc.scenario.pipeline import CameraToDisplay
from soc.scenario.rig import Rig
from soc.scenario.spec import KernelRun
from soc.scenario.stale import StaleWatch
from soc.verify.evidence import BufferRange, Sharing
from soc.verify.traffic_window import TrafficWindow

SETBACKS = ("no IOMMU, direct addresses", "probe failed", "physical addresses are used")
"""Errors after which the kernel goes on, and which explain much of what follows."""

D = TypeVar("D", bound=Driver)


class KernelSession:
    """Boots the kernel model, opens the pipeline and streams."""

    def __init__(self, rig: Rig, software: KernelRun) -> None:
        self._rig = rig
        self._software = software
        if problem := conflict(software.bugs):
            raise BadInput(f"bugs: {problem}", software.where)
        drivers = with_bugs(DRIVERS, software.bugs) + catalogue.DRIVERS
        self._kernel = Kernel(rig.machine, drivers, catalogue.MODULES, software.generation)
        self._stale = StaleWatch(self._kernel.iommu, rig.machine.clock)
        rig.last_owner = self._last_owner

    def run(self) -> Outcome:
        """Stream until the last frame was shown or time is up, then tear everything down."""
        kernel, scenario = self._kernel, self._rig.scenario
        kernel.boot()
        self._watch_stale_translations()
        kernel.subsystem(StrayWatch).start()
        watchdog = FenceWatchdog(kernel)
        heap = open_heap(kernel, self._rig.machine.tree.reserved, self._software)
        task = kernel.process("camera-app")
        app = CameraToDisplay(
            task, self._driver("source", CameraDriver), self._driver("sink", LcdifDriver), scenario.frames
        )
        outcome = Outcome()
        try:
            buffers = app.open(
                heap, self._software.buffers, scenario.picture, self._sink_picture(), scenario.pattern
            )
            self._stream(app, buffers, outcome)
        except KernelError as error:
            outcome.mishaps.append(f"the pipeline could not run: {error}")
        app.close()
        task.exit()
        watchdog.stop()
        outcome.stale_uses = [use.describe() for use in self._stale.uses]
        outcome.mishaps += [f"use after unmap: {use}" for use in outcome.stale_uses]
        report = final_report(kernel)
        # What it tells of the way was warned about when it was found: it is told once.
        outcome.leaked = [line for line in report if line not in kernel.log.warnings]
        kernel.shutdown()
        outcome.warnings = kernel.log.warnings
        outcome.setbacks = [
            entry.text
            for entry in kernel.log.entries
            if entry.level == "error" and any(mark in entry.text for mark in SETBACKS)
        ]
        outcome.kernel_log = kernel.log.lines()
        return outcome

    def _stream(self, app: CameraToDisplay, buffers: list[DmaBuf], outcome: Outcome) -> None:
        outcome.sharing = [self._sharing(dmabuf) for dmabuf in buffers]
        outcome.names = [BufferRange(str(dmabuf), dmabuf.mappings[0].sgt.frames()) for dmabuf in buffers]
        outcome.window = TrafficWindow(self._rig.machine.bus)
        app.start()
        try:
            self._rig.machine.run(self._kernel.clock.now + self._rig.scenario.time_limit, app.done)
        finally:
            outcome.window.close()
        if not app.done():
            limit = self._rig.scenario.time_limit / 1e9
            outcome.mishaps.append(f"not done after {limit:g} s of virtual time")

    def _watch_stale_translations(self) -> None:
        """With lazy invalidation a use after unmap raises no fault: look at every translation."""
        if self._kernel.iommu.default_kind is not DomainKind.DMA_FQ:
            return
        for device in self._kernel.devices.values():
            for entry in device.node.phandles("iommus", "#iommu-cells")[:1]:
                self._stale.watch(entry.node.path, self._rig.machine.dma_port(device.node))

    def _sharing(self, dmabuf: DmaBuf) -> Sharing:
        """What each importer's segments resolve to: their addresses are software's, the pages the SMMU's."""
        views = {}
        for mapping in dmabuf.mappings:
            node, sgt = mapping.attachment.device.node, mapping.sgt
            segments = zip(sgt.dma_address.tolist(), sgt.dma_length.tolist(), strict=True)
            pages = [self._rig.pages(node, Iova(start), size) for start, size in segments]
            views[node.name] = np.concatenate(pages)
        return Sharing(str(dmabuf), views)

    def _sink_picture(self) -> PictureFormat:
        """What the display is to show: as wide as the camera's picture and at least as high."""
        picture = self._rig.scenario.picture
        if (self._software.sink_lines or picture.height) < picture.height:
            problem = f"sink-lines must be at least the picture's {picture.height}, or left out"
            raise BadInput(problem, self._software.where)
        return PictureFormat(picture.width, self._software.sink_lines or picture.height, picture.fourcc)

    def _driver(self, role: str, kind: type[D]) -> D:
        """The bound driver of the scenario's source or sink. BadInput if none bound."""
        name = getattr(self._rig.scenario, role)
        node = self._rig.machine.tree.find(name)
        device = self._kernel.devices.get(node.path) if node else None
        if device is None or not isinstance(device.driver, kind):
            why = self._kernel.probe_errors.get(node.path) if node else None
            raise BadInput(
                f"no {kind.name} driver bound to {name!r}" + (f": {why}" if why else ""),
                self._rig.scenario.where[role],
            )
        return device.driver

    def _last_owner(self, iommu: str, stream: int, iova: int) -> str:
        ops = self._kernel.iommu.ops.get(iommu)
        return ops.last_owner(stream, iova) if ops else f"unknown: no driver is bound to {iommu}"
