"""A scenario driven by software on the CPU.

The software owns its tables and knows nothing of the judge. The region its
frames live in is watched: any CPU access to it is counted with the place in
the program it came from.
"""

from __future__ import annotations

from soc.address import PAGE_SHIFT
from soc.cpu.image import load_image
from soc.cpu.stop import StopReason
from soc.errors import BadInput
from soc.frames import FrameRecord
from soc.guest import Guest
from soc.memory.dram import Frames
from soc.scenario.culprits import copies
from soc.scenario.outcome import Outcome
from soc.scenario.rig import Rig, frames_of
from soc.scenario.spec import FirmwareRun
from soc.verify.evidence import BufferRange, TrafficWindow


class FirmwareSession:
    """Loads the image, watches the buffers' region and runs to power-off."""

    def __init__(self, rig: Rig, software: FirmwareRun) -> None:
        self._rig = rig
        self._region = rig.region(software.buffers, software.where)
        try:
            self._image = load_image(software.image)
        except BadInput as error:
            raise BadInput(error.problem, software.where) from error
        self._guest = Guest(rig.machine, self._image, software.arguments)
        self._guest.cpu.watch(self._region.base, self._region.size, self._region.name)

    def run(self) -> Outcome:
        """Run until the software powers off or time is up."""
        machine, scenario = self._rig.machine, self._rig.scenario
        window = TrafficWindow(machine.bus, frames_of(self._region))
        reason = machine.run(scenario.time_limit, lambda: False)
        buffers = _buffers(self._rig.camera.frames.records, self._rig.display.frames.records)
        outcome = Outcome(window.moved(), buffers)
        outcome.copies = copies(self._guest.cpu.touches, self._image, buffers)
        outcome.kernel_log = machine.log
        if reason is None:
            outcome.mishaps.append(
                f"not done after {scenario.time_limit / 1e9:g} s of virtual time; "
                f"the CPU is at {self._image.symbols.name(self._guest.cpu.pc)}"
            )
        elif reason is not StopReason.POWER_OFF:
            assert isinstance(reason, StopReason)
            outcome.mishaps.append(f"the CPU stopped: {reason.value}")
        return outcome


def _buffers(*engines: list[FrameRecord]) -> list[BufferRange]:
    """The frame buffers as the engines used them, lowest address first."""
    ranges: dict[int, Frames] = {}
    for record in (record for records in engines for record in records):
        if len(record.frames):
            ranges.setdefault(int(record.frames[0]), record.frames)
    return [BufferRange(f"buffer at {first << PAGE_SHIFT:#x}", ranges[first]) for first in sorted(ranges)]
