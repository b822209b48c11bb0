"""A channel's data path: addresses, transfer control, loads and stores, whole loops.

A fault or a stall leaves SAR and DAR at the burst that failed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from devices.pl330.hardware.faults import FAULT, bus_fault
from devices.pl330.hardware.faults import ThreadFault as Fault
from devices.pl330.hardware.gate import Gate
from devices.pl330.hardware.loops import Run, Shape, analyse
from devices.pl330.hardware.mfifo import Mfifo
from devices.pl330.hardware.transfers import TOP, Burst, Mover, Reach, swap_bytes
from devices.pl330.isa import Instruction
from devices.pl330.regs import BUS_BYTES, CCR, CCR_RESET
from soc.iommu.port import DmaAbort
from soc.memory.span import Bytes

FIELD = {field.name: field for field in CCR}
NON_SECURE_TRANSFERS = FIELD["SRC_PROT_CTRL"].put(2) | FIELD["DST_PROT_CTRL"].put(2)
WIDEST = BUS_BYTES.bit_length() - 1
LARGEST_SWAP = 4
"""log2 of bytes: a beat is no wider than the bus, a swapped group no larger than 128 bits."""
FEWEST_ITERATIONS = 2
"""A run of fewer is not worth the look ahead."""


class DataPath:
    """SAR, DAR and CCR of channel `number`, and its part of the MFIFO."""

    def __init__(self, number: int, gate: Gate, mfifo: Mfifo) -> None:
        self.source = 0
        self.target = 0
        self.control = CCR_RESET
        self._number = number
        self._mover = Mover(gate)
        self._mfifo = mfifo

    @property
    def held(self) -> int:
        """Bytes loaded and not stored."""
        return self._mfifo.held(self._number)

    def flush(self) -> None:
        """A program is over."""
        self._mfifo.flush(self._number)

    def set_control(self, value: int, non_secure: bool) -> None:
        """DMAMOV CCR. ThreadFault for what this DMAC or a non-secure thread cannot do."""
        if max(FIELD["SRC_BURST_SIZE"].get(value), FIELD["DST_BURST_SIZE"].get(value)) > WIDEST:
            raise Fault(FAULT["OPERAND_INVALID"])
        if FIELD["ENDIAN_SWAP_SIZE"].get(value) > LARGEST_SWAP:
            raise Fault(FAULT["OPERAND_INVALID"])
        if non_secure and value & NON_SECURE_TRANSFERS != NON_SECURE_TRANSFERS:
            raise Fault(FAULT["CH_RDWR_ERR"])
        self.control = value & 0x7FFF_FFFF

    # --- bursts ------------------------------------------------------------

    def load(self, single: bool) -> int:
        """A burst into the MFIFO; the beats it had, 0 if it has to wait for space. ThreadFault, Stalled."""
        burst = self._burst("SRC", single)
        size = burst.size(self.source)
        if self.held + size > self._mfifo.capacity:
            raise Fault(FAULT["MFIFO_ERR"])
        if size > self._mfifo.free:
            return 0
        try:
            data = self._mover.read(self.source, burst)
        except DmaAbort as abort:
            raise bus_fault(abort, "DATA_READ_ERR") from abort
        self._mfifo.push(self._number, swap_bytes(data, self._swap).tobytes())
        self.source = burst.next(self.source)
        return burst.beats

    def store(self, single: bool) -> int:
        """A burst out of the MFIFO; the beats it had. ThreadFault, Stalled."""
        burst = self._burst("DST", single)
        size = burst.size(self.target)
        if size > self._mfifo.capacity:
            raise Fault(FAULT["MFIFO_ERR"])
        if size > self.held:
            raise Fault(FAULT["ST_DATA_UNAVAILABLE"])
        self._write(burst, np.frombuffer(self._mfifo.head(self._number, size), dtype=np.uint8))
        self._mfifo.pop(self._number, size)
        return burst.beats

    def store_zeros(self) -> int:
        """A burst of zeros, past the MFIFO; the beats it had."""
        burst = self._burst("DST")
        self._write(burst, np.zeros(burst.size(self.target), dtype=np.uint8))
        return burst.beats

    def _write(self, burst: Burst, data: Bytes) -> None:
        try:
            self._mover.write(self.target, burst, data)
        except DmaAbort as abort:
            raise bus_fault(abort, "DATA_WRITE_ERR") from abort
        self.target = burst.next(self.target)

    def _burst(self, side: str, single: bool = False) -> Burst:
        """What CCR says of side SRC or DST; a single transfer has one beat."""
        beats = 1 if single else FIELD[f"{side}_BURST_LEN"].get(self.control) + 1
        width = 1 << FIELD[f"{side}_BURST_SIZE"].get(self.control)
        return Burst(width, beats, bool(FIELD[f"{side}_INC"].get(self.control)))

    @property
    def _swap(self) -> int:
        """Bytes of the groups whose bytes are reversed."""
        return 1 << FIELD["ENDIAN_SWAP_SIZE"].get(self.control)

    # --- loops as a whole --------------------------------------------------

    def run(self, code: Mapping[int, Instruction], end: int, left: int, cycles: int) -> tuple[int, Run]:
        """At the DMALPEND at `end` with `left` iterations to come: move as many as can be as one.

        No more than `cycles` allow. The number of iterations, 0 when the loop has to
        be executed step by step, and what each was.
        """
        load, store = self._burst("SRC"), self._burst("DST")
        shape = Shape(load.width * load.beats, load.beats, store.width * store.beats, store.beats)
        run = analyse(code, end, shape) if left >= FEWEST_ITERATIONS else None
        if run is None or not self._fits(run, load, store, shape):
            return 0, Run()
        size = run.loaded or run.zeroed
        source = self.source if run.loaded else None
        reach = self._mover.reach(source, self.target, size, min(left, cycles // run.cycles))
        if reach.count:
            self._move(run, reach, reach.count * size)
        return reach.count, run

    def _fits(self, run: Run, load: Burst, store: Burst, shape: Shape) -> bool:
        """Whether every burst is whole and of incrementing address, and the MFIFO never in the way."""
        if not store.incrementing or self.target % store.width:
            return False
        if run.loaded and (
            not load.incrementing or self.source % load.width or shape.load_bytes % self._swap
        ):
            return False
        return self.held + run.low >= 0 and run.high <= self._mfifo.free

    def _move(self, run: Run, reach: Reach, size: int) -> None:
        """What waits in the MFIFO goes first, and as much is left in it."""
        if not run.loaded:
            self._mover.write_run(reach, np.zeros(size, dtype=np.uint8))
        else:
            data = swap_bytes(self._mover.read_run(reach), self._swap)
            if self.held:
                waiting = np.frombuffer(self._mfifo.head(self._number, self.held), dtype=np.uint8)
                data = np.concatenate((waiting, data))
                self._mfifo.replace(self._number, data[size:].tobytes())
            self._mover.write_run(reach, data[:size])
            self.source = (self.source + size) % TOP
        self.target = (self.target + size) % TOP
