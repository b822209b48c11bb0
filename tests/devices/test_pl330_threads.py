"""Threads of the DMA-330: events, interrupts, start and kill, the manager, instruction fetch."""

from __future__ import annotations

import numpy as np
import pytest

from devices.pl330 import assembler as asm
from devices.pl330.assembler import Program
from devices.pl330.hardware import Pl330, Straps
from devices.pl330.isa import Address, Condition, Instruction, Op, encode
from devices.pl330.regs import State
from tests.devices.engine_bench import BASE
from tests.devices.pl330_bench import CODE, CYCLE, SOURCE, TARGET, Pl330Bench, control, copy_loop, setup


@pytest.fixture
def bench() -> Pl330Bench:
    return Pl330Bench()


# --- events and interrupts -----------------------------------------------------


def test_sev_raises_an_interrupt_until_it_is_cleared(bench: Pl330Bench) -> None:
    bench.write("INTEN", 1 << 31 | 1 << 4)
    bench.start(asm.sev(31), asm.sev(4), asm.sev(3), asm.END)
    bench.settle()
    assert bench.read("INT_EVENT_RIS") == 1 << 31 | 1 << 4 | 1 << 3
    assert bench.read("INTMIS") == 1 << 31 | 1 << 4
    bench.write("INTCLR", 1 << 31 | 1 << 3)
    assert (bench.read("INT_EVENT_RIS"), bench.raised) == (1 << 4 | 1 << 3, [True])
    bench.write("INTCLR", 1 << 4)
    assert (bench.read("INTMIS"), bench.raised) == (0, [True, False])


def test_lines_of_their_own_the_last_for_the_rest() -> None:
    bench = Pl330Bench(irqs=4)
    lines = bench.engine._slot.irqs

    def levels() -> list[bool]:
        return [line.level for line in lines]

    bench.write("INTEN", 0xFFFFFFFF)
    bench.start(asm.sev(0), asm.END)
    bench.settle()
    assert levels() == [False, True, False, False]
    bench.write("INTCLR", 1)
    bench.start(asm.sev(1), asm.sev(2), asm.sev(30), asm.END)
    bench.settle()
    assert levels() == [False, False, True, True]
    bench.write("INTCLR", 1 << 2 | 1 << 1)
    assert levels() == [False, False, False, True]
    bench.write("INTCLR", 1 << 30)
    bench.start(Instruction(Op.GO, 1, CODE))
    bench.settle()
    assert levels() == [True, False, False, False]


def test_a_board_without_interrupts() -> None:
    bench = Pl330Bench(irqs=0)
    bench.write("INTEN", 1)
    bench.start(asm.sev(0), asm.END)
    bench.settle()
    assert bench.read("INTMIS") == 1


def test_a_channel_wakes_those_that_wait_for_its_event(bench: Pl330Bench) -> None:
    bench.start(asm.wfe(6), asm.mov(Address.SAR, 1), asm.END, channel=3)
    bench.start(asm.wfe(6), asm.mov(Address.SAR, 1), asm.END, channel=4)
    bench.start(asm.wfe(7), asm.mov(Address.SAR, 1), asm.END, channel=5)
    bench.settle()
    assert [bench.read(f"CSR{n}") for n in (3, 4, 5)] == [0x200064, 0x200064, 0x200074]
    assert bench.read("CPC3") == CODE + 0x3000 + 2
    bench.start(asm.sev(6), asm.END)
    bench.settle()
    assert [bench.read(f"SAR{n}") for n in (3, 4, 5)] == [1, 1, 0]
    assert bench.state(5) is State.WAITING_FOR_EVENT
    assert bench.read("INT_EVENT_RIS") == 0
    bench.debug(asm.sev(7))
    bench.settle()
    assert bench.read("SAR5") == 1


def test_an_event_nobody_waits_for_stays_for_the_first_who_does(bench: Pl330Bench) -> None:
    bench.start(asm.sev(6), asm.END)
    bench.settle()
    assert bench.read("INT_EVENT_RIS") == 1 << 6
    bench.start(asm.wfe(6), asm.wfe(6), asm.END)
    bench.settle()
    assert (bench.read("INT_EVENT_RIS"), bench.state()) == (0, State.WAITING_FOR_EVENT)


def test_an_interrupt_wakes_nobody(bench: Pl330Bench) -> None:
    bench.start(asm.wfe(2), asm.END, channel=1)
    bench.write("INTEN", 1 << 2)
    bench.start(asm.sev(2), asm.END)
    bench.settle()
    assert (bench.state(1), bench.raised) == (State.WAITING_FOR_EVENT, [True])


def test_channels_take_turns(bench: Pl330Bench) -> None:
    """Two channels copy alternate blocks, handing over by events."""
    data = bench.randomise()
    for channel, (mine, other) in enumerate([(0, 1), (1, 0)]):
        program = Program()
        start = 64 * channel
        program.add(*setup(SOURCE + start, TARGET + start, control(8, 8)))
        with program.loop(0, 4):
            program.add(asm.wfe(mine), asm.LOAD, asm.STORE, asm.sev(other))
            program.add(asm.add_halfword(Address.SAR, 64), asm.add_halfword(Address.DAR, 64))
        program.add(asm.END)
        bench.start(program.code, channel=channel)
    bench.settle()
    assert [bench.state(n) for n in (0, 1)] == [State.WAITING_FOR_EVENT] * 2
    bench.debug(asm.sev(0), 0)
    bench.settle()
    assert [bench.state(n) for n in (0, 1)] == [State.STOPPED] * 2
    assert np.array_equal(bench.memory(TARGET, 512), data[:512])


# --- threads -------------------------------------------------------------------


def test_eight_channels_at_once(bench: Pl330Bench) -> None:
    data = bench.randomise()
    for channel in range(8):
        place = 0x1000 * channel
        bench.start(
            *setup(SOURCE + place, TARGET + place, control()), copy_loop(32), asm.END, channel=channel
        )
    bench.settle()
    assert np.array_equal(bench.memory(TARGET, 0x8000), data[:0x8000])
    assert [bench.state(n) for n in range(8)] == [State.STOPPED] * 8


def test_go_to_a_channel_that_runs_does_nothing(bench: Pl330Bench) -> None:
    bench.start(asm.wfe(0), asm.mov(Address.SAR, 1), asm.END)
    bench.run(100)
    bench.debug(asm.go(0, CODE + 0x5000, non_secure=True))
    assert (bench.state(), bench.read("CPC0")) == (State.WAITING_FOR_EVENT, CODE + 2)
    bench.debug(asm.sev(0))
    bench.settle()
    assert bench.read("SAR0") == 1


def test_kill_gives_the_mfifo_back_and_the_channel_can_start_again(bench: Pl330Bench) -> None:
    data = bench.randomise()
    bench.start(*setup(SOURCE, TARGET, control()), asm.LOAD, asm.LOAD, asm.wfe(0))
    bench.settle()
    assert bench.engine.channels[0].data.held == 256
    bench.kill(0)
    assert (bench.state(), bench.engine.channels[0].data.held) == (State.KILLING, 0)
    bench.kill(0)
    bench.debug(asm.go(0, CODE, non_secure=True))
    bench.settle()
    assert bench.state() is State.STOPPED
    bench.start(*setup(SOURCE + 128, TARGET, control()), asm.LOAD, asm.STORE, asm.END)
    bench.settle()
    assert np.array_equal(bench.memory(TARGET, 128), data[128:256])


def test_a_program_may_kill_itself(bench: Pl330Bench) -> None:
    bench.start(asm.KILL, asm.sev(0))
    bench.settle()
    assert (bench.state(), bench.read("INT_EVENT_RIS")) == (State.STOPPED, 0)


def test_kill_of_a_stopped_channel_is_nothing(bench: Pl330Bench) -> None:
    bench.kill(2)
    assert (bench.state(2), bench.clock.next_event()) == (State.STOPPED, None)


def test_the_manager_boots_from_memory() -> None:
    class Boots(Pl330):
        straps = Straps(boot_from_pc=True, boot_address=CODE + 0x7000)

    bench = Pl330Bench(Boots)
    channel = bench.load_program(asm.sev(1), asm.wfe(2), asm.END, channel=4)
    manager = (asm.NOP, asm.go(4, channel, non_secure=True), asm.wfe(1), asm.sev(9), asm.wfe(3), asm.END)
    bench.load_program(*manager, channel=7)
    bench.settle()
    # the manager waits for event 3: status 4, wakeup event 3, non-secure
    assert (bench.read("DSR"), bench.read("DPC")) == (0x234, CODE + 0x7000 + 13)
    assert (bench.read("INT_EVENT_RIS"), bench.state(4)) == (1 << 9, State.WAITING_FOR_EVENT)
    bench.debug(asm.sev(3), 5)
    bench.settle()
    assert bench.state(None) is State.STOPPED


def test_a_secure_manager_starts_channels_of_both_worlds() -> None:
    class Secure(Pl330):
        straps = Straps(manager_non_secure=False)

    bench = Pl330Bench(Secure)
    bench.start(asm.wfe(0), non_secure=False)
    bench.start(asm.wfe(0), channel=1, non_secure=True)
    bench.settle()
    assert (bench.read("CSR0"), bench.read("CSR1"), bench.read("DSR")) == (4, 0x200004, 0)


def test_instructions_are_cached_until_they_are_invalidated(bench: Pl330Bench) -> None:
    new = asm.mov(Address.SAR, 2)
    for invalidate in (False, True):
        start = bench.start(asm.wfe(0, invalidate), asm.mov(Address.SAR, 1), asm.END)
        bench.settle()
        bench.fill(start + 2, b"".join(map(encode, (new, asm.END))))
        bench.debug(asm.sev(0))
        bench.settle()
        assert bench.read("SAR0") == (2 if invalidate else 1)


def test_a_program_longer_than_the_cache(bench: Pl330Bench) -> None:
    program = Program()
    for _ in range(300):
        program.add(asm.add_halfword(Address.SAR, 1))
    program.add(asm.END)
    bench.start(*setup(0, 0, control()), program.code)
    bench.settle()
    assert bench.read("SAR0") == 300


def test_a_program_that_writes_its_own_debug_command(bench: Pl330Bench) -> None:
    """The instruction under way comes to its end first, and DBGSTATUS says that one waits."""
    bench.write("DBGINST0", 0x0001_0001)
    bench.fill(SOURCE, bytes(4))
    bench.load_program(*setup(SOURCE, BASE + 0xD04, control(4, 1)), asm.LOAD, asm.STORE, asm.wfe(0))
    bench.debug(asm.go(0, CODE, non_secure=True))
    bench.write("DBGINST0", 0x0001_0001)
    bench.run(CYCLE)
    assert bench.state() in (State.EXECUTING, State.KILLING)
    bench.settle()
    assert (bench.state(), bench.read("DBGSTATUS"), bench.read("DAR0")) == (State.STOPPED, 0, BASE + 0xD08)


def test_a_reserved_debug_command_does_nothing(bench: Pl330Bench) -> None:
    bench.load_program(asm.wfe(0))
    bench.write("DBGINST0", 0x00A2_0000)
    bench.write("DBGINST1", CODE)
    bench.write("DBGCMD", 1)
    bench.settle()
    assert bench.state() is State.STOPPED
    bench.write("DBGCMD", 0)
    bench.settle()
    assert bench.state() is State.WAITING_FOR_EVENT


def test_conditional_transfers_go_by_the_last_request(bench: Pl330Bench) -> None:
    data = bench.randomise()
    single_load, single_store = (Instruction(op, condition=Condition.SINGLE) for op in (Op.LD, Op.ST))
    burst_load = Instruction(Op.LD, condition=Condition.BURST)
    bench.start(*setup(SOURCE, TARGET, control()), burst_load, single_load, single_store, asm.END)
    bench.settle()
    assert bench.registers() == (SOURCE + 8, TARGET + 8)
    assert np.array_equal(bench.memory(TARGET, 8), data[:8])


def test_a_model_that_breaks_off_leaves_the_debug_interface_usable(bench: Pl330Bench) -> None:
    """A host's error on the way to memory is not the DMAC's: it does not stay busy with it."""

    class Broken:
        def peek(self, *_: object) -> None:
            return None

        def translate(self, *_: object) -> None:
            raise OSError("no host memory")

    bench.start(asm.NOP, asm.END)
    bench.behind(Broken())
    with pytest.raises(OSError, match="no host memory"):
        bench.settle()
    bench.kill(0)
    assert bench.read("DBGSTATUS") == 0
    bench.settle()
    assert bench.state() is State.STOPPED
