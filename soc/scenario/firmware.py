"""A scenario driven by software on the CPU.

The software owns its tables and knows nothing of the judge. The region its
frames live in is watched: any CPU access to it is counted with the place in
the program it came from.
"""

from __future__ import annotations

from soc.cpu.image import load_image
from soc.errors import BadInput
from soc.guest import Guest
from soc.processor import StopReason
from soc.scenario.culprits import copies, places
from soc.scenario.outcome import Outcome
from soc.scenario.rig import Rig, frames_of
from soc.scenario.spec import FirmwareRun
from soc.verify.evidence import buffers_used
from soc.verify.traffic_window import TrafficWindow

MOST_COMPLAINTS = 3


class FirmwareSession:
    """Loads the image, watches the buffers' region and runs to power-off."""

    def __init__(self, rig: Rig, software: FirmwareRun) -> None:
        self._rig = rig
        self._software = software
        self._region = rig.region(software.buffers, software.where)
        try:
            self._image = load_image(software.image)
        except BadInput as error:
            raise BadInput(error.problem, software.where) from error
        self._check_room()
        self._guest = Guest(rig.machine, self._image, software.arguments)
        self._guest.cpu.watch(self._region.base, self._region.size, self._region.name)

    def run(self) -> Outcome:
        """Run until the software powers off or time is up."""
        machine, scenario = self._rig.machine, self._rig.scenario
        outcome = Outcome(TrafficWindow(machine.bus), watched=frames_of(self._region))
        reason = machine.run(scenario.time_limit, lambda: False)
        touches = self._guest.cpu.touches
        used = buffers_used([*self._rig.camera.frames.records, *self._rig.display.frames.records], [])
        outcome.copies = copies(touches, self._image, used)
        outcome.cpu_places = places(touches, self._image)
        outcome.kernel_log = machine.log
        outcome.mishaps += [f"the software said: {line}" for line in self._complaints()]
        if reason is None:
            outcome.mishaps.append(
                f"not done after {scenario.time_limit / 1e9:g} s of virtual time; "
                f"the CPU is at {self._image.symbols.name(self._guest.cpu.pc)}"
            )
        elif reason is not StopReason.POWER_OFF:
            last = f"; {machine.log[-1]}" if machine.log else ""
            outcome.mishaps.append(f"the CPU stopped: {reason.value}{last}")
        return outcome

    def _check_room(self) -> None:
        """BadInput if the program and the watched buffers share memory: it could not run there."""
        for segment in self._image.segments:
            if segment.address < self._region.end and self._region.base < segment.end:
                raise BadInput(
                    f"the image's segment at {segment.address:#x} lies in the buffers' region {self._region}",
                    self._software.where,
                )

    def _complaints(self) -> list[str]:
        """Lines of the serial port that begin with what software says when it gives up."""
        lines = [line.strip() for line in self._rig.uart.splitlines()]
        return [line for line in lines if line.startswith(("error:", "exception:"))][:MOST_COMPLAINTS]
