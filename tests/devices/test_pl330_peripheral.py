"""Peripheral requests of the DMA-330, with a small FIFO device that makes them."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from devices.pl330 import assembler as asm
from devices.pl330.assembler import Program
from devices.pl330.isa import Condition, Instruction, Op
from devices.pl330.regs import State
from soc.address import PhysAddr
from soc.bus import Window
from tests.devices.engine_bench import FILL
from tests.devices.pl330_bench import CODE, SOURCE, TARGET, Pl330Bench, control, setup

FIFO = PhysAddr(0x3300_0000)
S, B, P = Condition.SINGLE, Condition.BURST, Condition.PERIPH
PORT = 5
"""The peripheral's number."""


class Fifo:
    """A device with one 32-bit data register; it asks for a transfer whenever it has one to make.

    It has `words` to give, or takes `wanted` of them; a burst is of four words.
    """

    def __init__(self, bench: Pl330Bench, words: list[int], wanted: int = 0) -> None:
        self.words = deque(words)
        self.taken: list[int] = []
        self.acknowledged: list[bool] = []
        self.flushed = 0
        self.accesses: list[int] = []
        self._wanted = wanted
        self._interface = bench.engine.requests[PORT]
        self._interface.acknowledge = self._acknowledge
        self._interface.flush = self._flush
        bench.bus.attach(Window(FIFO, 0x1000, self, "fifo"))

    def ask(self) -> None:
        left = len(self.words) or self._wanted - len(self.taken)
        if left > 0:
            burst = left >= 4
            self._interface.request(burst, last=left == (4 if burst else 1))

    def read(self, offset: int, size: int) -> int:
        self.accesses.append(size)
        return self.words.popleft() if self.words else 0

    def write(self, offset: int, size: int, value: int) -> None:
        self.accesses.append(size)
        self.taken.append(value)

    def _acknowledge(self, burst: bool) -> None:
        self.acknowledged.append(burst)
        self.ask()

    def _flush(self) -> None:
        self.flushed += 1
        self.ask()


def from_fifo(beats: int = 4) -> tuple[Instruction, ...]:
    return setup(FIFO, TARGET, control(4, beats, source_inc=False))


@pytest.fixture
def bench() -> Pl330Bench:
    return Pl330Bench()


def words(bench: Pl330Bench, count: int) -> list[int]:
    return bench.memory(TARGET, 4 * count).view("<u4").tolist()


def test_linux_device_to_memory(bench: Pl330Bench) -> None:
    """Wait single, load single, store, flush: one word for each request."""
    fifo = Fifo(bench, [10, 11, 12])
    program = Program()
    program.add(*from_fifo(1))
    with program.loop(1, 3):
        program.add(asm.wfp(PORT, S), asm.load_peripheral(PORT, S), asm.STORE, asm.flush_peripheral(PORT))
    program.add(asm.sev(0), asm.END)
    bench.start(program.code)
    bench.settle()
    assert bench.read("CSR0") == 0x200000 | PORT << 4 | State.WAITING_FOR_PERIPHERAL
    assert bench.read("CPC0") == CODE + 18 + 2 + 2
    fifo.ask()
    bench.settle()
    assert (words(bench, 3), fifo.acknowledged, fifo.flushed) == ([10, 11, 12], [False] * 3, 3)
    assert (bench.state(), fifo.accesses) == (State.STOPPED, [4, 4, 4])


def test_linux_memory_to_device(bench: Pl330Bench) -> None:
    bench.memory(SOURCE, 12).view("<u4")[:] = [7, 8, 9]
    fifo = Fifo(bench, [], wanted=3)
    program = Program()
    program.add(*setup(SOURCE, FIFO, control(4, 1, target_inc=False)))
    with program.loop(1, 3):
        program.add(asm.wfp(PORT, S), asm.LOAD, asm.store_peripheral(PORT, S), asm.flush_peripheral(PORT))
    program.add(asm.END)
    bench.start(program.code)
    fifo.ask()
    bench.settle()
    assert (fifo.taken, fifo.acknowledged, bench.state()) == ([7, 8, 9], [False] * 3, State.STOPPED)


def test_the_peripheral_controls_length_and_kind(bench: Pl330Bench) -> None:
    """An endless loop that ends with the last request: two bursts of four words, then singles."""
    fifo = Fifo(bench, list(range(11)))
    program = Program()
    program.add(*from_fifo())
    with program.forever():
        program.add(asm.wfp(PORT, P))
        program.add(asm.load_peripheral(PORT, B), Instruction(Op.ST, condition=B))
        program.add(asm.load_peripheral(PORT, S), Instruction(Op.ST, condition=S))
    program.add(asm.sev(1), asm.END)
    bench.start(program.code)
    bench.run(100)
    assert bench.read("CSR0") == 0x200000 | 1 << 15 | PORT << 4 | 7
    fifo.ask()
    bench.settle()
    assert words(bench, 11) == list(range(11))
    assert fifo.acknowledged == [True, True, False, False, False]
    assert (bench.state(), bench.read("INT_EVENT_RIS")) == (State.STOPPED, 2)


def test_a_loop_for_bursts_ends_with_the_first_single(bench: Pl330Bench) -> None:
    fifo = Fifo(bench, list(range(6)))
    program = Program()
    program.add(*from_fifo())
    with program.loop(0, 10, B):
        program.add(asm.wfp(PORT, P), asm.load_peripheral(PORT, B), Instruction(Op.ST, condition=B))
    program.add(asm.END)
    bench.start(program.code)
    fifo.ask()
    bench.settle()
    assert (bench.state(), fifo.acknowledged, len(fifo.words)) == (State.STOPPED, [True], 2)
    assert bench.read("LC0_0") == 8


def test_burst_waits_past_single_requests(bench: Pl330Bench) -> None:
    bench.start(asm.wfp(PORT, B), asm.END)
    bench.run(100)
    assert bench.read("CSR0") == 0x200000 | 1 << 14 | PORT << 4 | 7
    bench.engine.request(PORT, burst=False)
    bench.engine.request(PORT + 1, burst=True)
    bench.settle()
    assert bench.state() is State.WAITING_FOR_PERIPHERAL
    bench.engine.request(PORT, burst=True)
    bench.settle()
    assert bench.state() is State.STOPPED


def test_single_leaves_a_burst_request_for_later(bench: Pl330Bench) -> None:
    bench.engine.request(PORT, burst=True)
    bench.start(asm.wfp(PORT, S), asm.wfp(PORT, S), asm.wfp(PORT, B), asm.wfp(PORT, S), asm.END)
    bench.settle()
    assert (bench.state(), bench.read("CPC0")) == (State.WAITING_FOR_PERIPHERAL, CODE + 8)


def test_a_request_is_taken_by_one_channel_and_once(bench: Pl330Bench) -> None:
    bench.engine.request(PORT, burst=False)
    bench.start(asm.wfp(PORT, S), asm.wfp(PORT, S), asm.END)
    bench.start(asm.wfp(PORT, S), asm.END, channel=1)
    bench.settle()
    assert [bench.state(n) for n in (0, 1)] == [State.WAITING_FOR_PERIPHERAL] * 2
    bench.engine.request(PORT, burst=False)
    bench.settle()
    assert [bench.state(n) for n in (0, 1)] == [State.STOPPED, State.WAITING_FOR_PERIPHERAL]


def test_flush_forgets_a_request(bench: Pl330Bench) -> None:
    bench.engine.request(PORT, burst=False)
    bench.start(asm.flush_peripheral(PORT), asm.wfp(PORT, S), asm.END)
    bench.settle()
    assert bench.state() is State.WAITING_FOR_PERIPHERAL


def test_the_acknowledge_comes_when_the_data_has_moved(bench: Pl330Bench) -> None:
    seen: list[tuple[int, list[int]]] = []
    bench.engine.requests[PORT].acknowledge = lambda burst: seen.append((bench.clock.now, words(bench, 1)))
    bench.memory(SOURCE, 8).view("<u4")[:] = [3, 4]
    bench.engine.request(PORT, burst=False)
    ccr = control(4, 1)
    program = (asm.wfp(PORT, S), asm.LOAD, asm.NOP, asm.store_peripheral(PORT, S), asm.END)
    bench.start(*setup(SOURCE, TARGET, ccr), *program)
    bench.settle()
    # DMAGO, three moves, DMAWFP, a load of one beat and DMANOP come before
    assert seen == [(8 * 5, [3])]


def test_ldp_of_the_wrong_kind_is_a_nop(bench: Pl330Bench) -> None:
    fifo = Fifo(bench, [1, 2, 3, 4])
    bench.start(*from_fifo(), asm.load_peripheral(PORT, B), asm.store_peripheral(PORT, B), asm.END)
    bench.settle()
    assert (bench.state(), bench.fault(), fifo.accesses, fifo.acknowledged) == (State.STOPPED, 0, [], [])
    assert np.all(bench.memory(TARGET, 16) == FILL)


def test_kill_of_a_waiting_channel_leaves_the_request_to_others(bench: Pl330Bench) -> None:
    bench.start(asm.wfp(PORT, S), asm.END)
    bench.settle()
    bench.kill(0)
    bench.engine.request(PORT, burst=False)
    bench.settle()
    assert bench.state(0) is State.STOPPED
    bench.start(asm.wfp(PORT, S), asm.END, channel=1)
    bench.settle()
    assert bench.state(1) is State.STOPPED
