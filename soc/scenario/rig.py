"""The test rig: a scenario's machine with probes on both ends of the pipeline.

The probes are what a lab would clamp on: a recorder at each engine, a grabber
for the first and last picture on the display, a listener on the SMMU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from devices.camera.hardware import Camera
from devices.camera.regs import FORMATS
from devices.catalogue import models
from devices.lcdif.hardware import Lcdif
from devices.lcdif.regs import WORD_LENGTHS
from devices.pl011.hardware import Pl011
from devices.smmuv3.hardware import FaultReport, Smmuv3
from soc.address import PAGE_SHIFT, Iova
from soc.board import Machine
from soc.devicetree.reserved import ReservedRegion
from soc.devicetree.tree import Node, Tree, load_board
from soc.errors import BadInput, Where
from soc.frames import FrameRecord
from soc.memory.cache.adversary import Adversary
from soc.memory.span import Frames
from soc.scenario.spec import Scenario
from soc.verify.result import Fault

T = TypeVar("T")

Picture = NDArray[np.uint8]
Progress = Callable[[int], None]
"""Called with the number of frames shown so far."""

LastOwner = Callable[[str, int, int], str]
"""Says who had (path of the IOMMU, stream, iova) last, as far as the software keeps books."""


def nobody(iommu: str, stream: int, iova: int) -> str:
    """The answer when no software keeps books about IOVAs."""
    return "unknown: the software under test keeps its own tables"


class Rig:
    """The built machine of one scenario. BadInput if scenario and board do not fit."""

    def __init__(self, scenario: Scenario, progress: Progress) -> None:
        self.scenario = scenario
        adversary = Adversary(scenario.caches.seed, scenario.caches.percent / 100)
        self.machine = Machine(self._board(), models(), adversary)
        self.camera = self._engine("source", Camera)
        self.display = self._engine("sink", Lcdif)
        self._check_format()
        self.pictures: dict[str, Picture] = {}
        self._progress = progress
        self._shown: tuple[str, Iova] | None = None
        self._changes = 0
        self.faults: list[Fault] = []
        self.last_owner: LastOwner = nobody
        self.display.frames.listeners.append(self._fetched)
        for path, smmu in self.machine.models.items():
            if isinstance(smmu, Smmuv3):
                smmu.fault_listeners.append(partial(self._faulted, path))

    @property
    def uart(self) -> str:
        """What came out of the serial ports."""
        ports = [model for model in self.machine.models.values() if isinstance(model, Pl011)]
        return "".join(port.output.decode("utf-8", "replace") for port in ports)

    def region(self, name: str, where: Where) -> ReservedRegion:
        """The reserved region with that label or node name. BadInput if there is none."""
        for region in self.machine.tree.reserved:
            if name in (region.label, region.name):
                return region
        known = ", ".join(region.label or region.name for region in self.machine.tree.reserved) or "none"
        raise BadInput(f"the board has no reserved region {name!r}; it has: {known}", where)

    def pages(self, node: Node, iova: Iova, size: int) -> Frames:
        """The page frames that the device of `node` reaches at `iova`, shape (n,), as its SMMU says.

        Empty where something is not mapped; addresses are physical without an SMMU.
        """
        span = self.machine.dma_port(node).peek_span(iova, size)
        return span.frames if span else np.empty(0, dtype=np.int64)

    def untranslated(self) -> list[str]:
        """The engines that reach memory without an IOMMU."""
        nodes = [self.machine.tree.find(name) for name in (self.scenario.source, self.scenario.sink)]
        return [node.name for node in nodes if node and self.machine.dma_port(node).iommu is None]

    def close(self) -> None:
        self.machine.close()

    def _board(self) -> Tree:
        """The scenario's board. A file that is not there is the scenario's mistake."""
        try:
            there = self.scenario.board.is_file()
        except OSError:
            there = False
        if not there:
            raise BadInput(f"there is no board {self.scenario.board}", self.scenario.where["board"])
        return load_board(self.scenario.board)

    # --- probes ------------------------------------------------------------

    def _fetched(self, record: FrameRecord) -> None:
        """A whole frame left the display: count changes of picture, keep the first and the latest due."""
        if record.digest is None:
            return
        if "first" not in self.pictures:
            self._grab("first", record)
        if self.camera.frames.completed >= self.scenario.frames:
            self._grab("last", record)
        if (record.digest, record.iova) != self._shown:
            self._shown = (record.digest, record.iova)
            self._changes += 1
            self._progress(min(self._changes, self.scenario.frames))

    def _faulted(self, iommu: str, report: FaultReport) -> None:
        """Book a fault together with who had the address at that moment."""
        record = report.record
        self.faults.append(
            Fault(
                device=self._device_of(iommu, record.stream),
                stream=record.stream,
                iova=record.iova,
                access="write" if record.write else "read",
                reason=record.event.name,
                time=report.time,
                last_owner=self.last_owner(iommu, record.stream, record.iova),
            )
        )

    def _grab(self, name: str, record: FrameRecord) -> None:
        picture = self.display.picture(record.iova)
        if picture is not None:
            self.pictures[name] = picture

    def _check_format(self) -> None:
        """BadInput for a format that one of the two engines does not have."""
        common = [fourcc for fourcc in FORMATS if fourcc in WORD_LENGTHS]
        if self.scenario.picture.fourcc not in common:
            raise BadInput(
                f"format must be {' or '.join(common)} to pass from camera to display: "
                f"one makes {', '.join(FORMATS)}, the other shows {', '.join(WORD_LENGTHS)}",
                self.scenario.where["picture"],
            )

    # --- finding things ----------------------------------------------------

    def _engine(self, role: str, kind: type[T]) -> T:
        name = getattr(self.scenario, role)
        node = self.machine.tree.find(name)
        model = self.machine.models.get(node.path) if node else None
        if not isinstance(model, kind):
            found = f"the board has no node {name!r}"
            if node:
                found = f"{node.path} is {'none' if node.enabled else 'disabled'}"
            raise BadInput(
                f"{role} must be an enabled {kind.__name__.lower()}: {found}", self.scenario.where[role]
            )
        return model

    def _device_of(self, iommu: str, stream: int) -> str:
        """The node whose `iommus` names this stream of this IOMMU; all of them where devices share it."""
        names = [
            node.name
            for node in self.machine.tree.walk()
            for entry in node.phandles("iommus", "#iommu-cells")
            if entry.node.path == iommu and stream in entry.args[:1]
        ]
        return " or ".join(names) or f"stream {stream:#x}"


def frames_of(region: ReservedRegion) -> Frames:
    """Every page frame of a reserved region, shape (n,)."""
    return np.arange(region.base >> PAGE_SHIFT, region.end >> PAGE_SHIFT, dtype=np.int64)
