"""A scenario driven by software on the CPU.

The software owns its tables and knows nothing of the judge. The region its
frames live in is watched: any CPU access to it is counted with the place in
the program it came from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from soc.address import PAGE_SHIFT
from soc.analysis.blocks import INSTRUCTION, memory_accesses
from soc.cpu.stop import StopReason
from soc.cpu.image import load_image
from soc.cpu.watch import Touch
from soc.errors import BadInput
from soc.frames import FrameRecord
from soc.memory.dram import Frames
from soc.guest import Guest
from soc.scenario.outcome import Outcome
from soc.scenario.rig import Rig, frames_of
from soc.scenario.spec import FirmwareRun
from soc.verify.evidence import BufferRange, TrafficWindow
from soc.verify.result import Copy


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
        outcome.copies = self._copies(self._guest.cpu.touches, buffers)
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

    def _copies(self, touches: Iterable[Touch], buffers: list[BufferRange]) -> list[Copy]:
        """Functions of the program that both read and wrote the watched memory."""
        by_function: dict[str, list[Touch]] = defaultdict(list)
        for touch in touches:
            symbol = self._image.symbols.find(touch.pc)
            by_function[symbol.name if symbol else f"{touch.pc:#x}"].append(touch)
        copies = []
        for found in by_function.values():
            reads = [touch for touch in found if touch.access == "read"]
            writes = [touch for touch in found if touch.access == "write"]
            if reads and writes:
                pc = self._place(max(writes, key=lambda touch: touch.bytes))
                copies.append(
                    Copy(
                        by=f"cpu at {self._image.symbols.name(pc)} ({pc:#x})",
                        bytes=sum(touch.bytes for touch in writes),
                        source=_names(reads, buffers),
                        target=_names(writes, buffers),
                        pc=pc,
                    )
                )
        return copies

    def _place(self, touch: Touch) -> int:
        """The instruction that made `touch`; where only its block is known, the block's first of that kind."""
        if touch.exact:
            return touch.pc
        accesses = memory_accesses(self._code(touch.pc), touch.pc)
        return next((found.pc for found in accesses if found.access == touch.access), touch.pc)

    def _code(self, pc: int) -> bytes:
        """The program from `pc` to the end of the function it is in, as the image has it."""
        symbol = self._image.symbols.find(pc)
        for segment in self._image.segments:
            if symbol and segment.virtual <= pc < segment.virtual + len(segment.data):
                end = max(symbol.address + symbol.size, pc + INSTRUCTION)
                return segment.data[pc - segment.virtual : end - segment.virtual]
        return b""


def _buffers(*engines: list[FrameRecord]) -> list[BufferRange]:
    """The frame buffers as the engines used them, lowest address first."""
    ranges: dict[int, Frames] = {}
    for record in (record for records in engines for record in records):
        if len(record.frames):
            ranges.setdefault(int(record.frames[0]), record.frames)
    return [BufferRange(f"buffer at {first << PAGE_SHIFT:#x}", ranges[first]) for first in sorted(ranges)]


def _names(touches: list[Touch], buffers: list[BufferRange]) -> str:
    """The buffers that the touched ranges overlap."""
    low = min(touch.first for touch in touches) >> PAGE_SHIFT
    high = max(touch.last for touch in touches) >> PAGE_SHIFT
    names = [b.name for b in buffers if np.any((b.frames >= low) & (b.frames <= high))]
    return ", ".join(names) or f"memory at {low << PAGE_SHIFT:#x}"
