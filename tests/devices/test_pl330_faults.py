"""Faults of the DMA-330: fault type, status, program counter, interrupt, and the way out."""

from __future__ import annotations

import pytest

from devices.pl330 import assembler as asm
from devices.pl330.assembler import Program
from devices.pl330.hardware import Pl330, Straps
from devices.pl330.isa import Address, Condition
from devices.pl330.regs import State
from tests.devices.engine_bench import BASE, END
from tests.devices.pl330_bench import CODE, CYCLE, SOURCE, TARGET, Part, Pl330Bench, control, copy_loop, setup

UNDEF, OPERAND, EVENT, PERIPH, RDWR = 1 << 0, 1 << 1, 1 << 5, 1 << 6, 1 << 7
MFIFO, UNAVAILABLE, FETCH, WRITE, READ, DEBUG, LOCKUP = (
    1 << 12,
    1 << 13,
    1 << 16,
    1 << 17,
    1 << 18,
    1 << 30,
    1 << 31,
)
DMAGO = 1 << 4

S, B, P = Condition.SINGLE, Condition.BURST, Condition.PERIPH
SETTLE = 16 * CYCLE


class HalfSecure(Pl330):
    """Everything is non-secure but the events and peripherals from 16 on."""

    straps = Straps(events_non_secure=0xFFFF, peripherals_non_secure=0xFFFF)


def bytes_of(text: str) -> bytes:
    return bytes.fromhex(text)


COPY = setup(SOURCE, TARGET, control())

CHANNEL_FAULTS: list[tuple[str, list[Part], int, int]] = [
    # what, program, offset of the instruction that fails, FTR
    ("undefined opcode", [asm.NOP, bytes_of("ff")], 1, UNDEF),
    ("DMAGO in a channel", [asm.NOP, asm.go(1, CODE, True)], 1, UNDEF),
    ("DMALD with a reserved condition", [bytes_of("06")], 0, UNDEF),
    ("DMAMOV to no register", [bytes_of("bc0300000000")], 0, OPERAND),
    ("DMASEV with reserved bits", [asm.NOP, asm.NOP, bytes_of("3401")], 2, OPERAND),
    ("beats wider than the bus", [asm.mov(Address.CCR, control(16))], 0, OPERAND),
    ("wide beats on the other side", [asm.mov(Address.CCR, control(8, to_size=16))], 0, OPERAND),
    ("swap of 256 bits", [asm.mov(Address.CCR, control(swap=32))], 0, OPERAND),
    ("secure event sent", [asm.sev(15), asm.sev(16)], 2, EVENT),
    ("secure event awaited", [asm.wfe(16)], 0, EVENT),
    ("secure peripheral awaited", [asm.wfp(16, P)], 0, PERIPH),
    ("secure peripheral loaded from", [asm.load_peripheral(31, S)], 0, PERIPH),
    ("secure peripheral stored to", [asm.store_peripheral(31, B)], 0, PERIPH),
    ("secure peripheral flushed", [asm.flush_peripheral(15), asm.flush_peripheral(16)], 2, PERIPH),
    ("secure transfers", [asm.mov(Address.CCR, control(non_secure=False))], 0, RDWR),
    ("secure loads", [asm.mov(Address.CCR, control() & ~(1 << 9))], 0, RDWR),
    ("more than the MFIFO holds", [*COPY, *[asm.LOAD] * 9], 18 + 8, MFIFO),
    ("store before load", [*COPY, asm.STORE], 18, UNAVAILABLE),
    ("store of more than was loaded", [*COPY, asm.LOAD, asm.STORE, asm.STORE], 20, UNAVAILABLE),
    ("load from a hole", [*setup(0x1000, TARGET, control()), asm.LOAD], 18, READ),
    ("load over the end of memory", [*setup(END - 64, TARGET, control()), asm.LOAD], 18, READ),
    ("store into a hole", [*setup(SOURCE, 0x1000, control()), asm.LOAD, asm.STORE], 19, WRITE),
    ("zeros into a hole", [*setup(SOURCE, END, control()), asm.STORE_ZEROS], 18, WRITE),
    ("load over the end of a register block", [*setup(BASE + 0xFF8, 0, control()), asm.LOAD], 18, READ),
]


@pytest.mark.parametrize(
    ("program", "offset", "bits"), [row[1:] for row in CHANNEL_FAULTS], ids=[r[0] for r in CHANNEL_FAULTS]
)
def test_channel_fault(program: list[Part], offset: int, bits: int) -> None:
    bench = Pl330Bench(HalfSecure, irqs=2)
    start = bench.start(*program, channel=3)
    bench.run(2000)
    assert (bench.fault(3), bench.state(3)) == (bits, State.FAULTING)
    assert bench.read("CPC3") == start + offset
    assert (bench.read("FSRC"), bench.read("FSRD"), bench.read("FTRD")) == (1 << 3, 0, 0)
    assert [line.level for line in bench.engine._slot.irqs] == [True, False]
    bench.kill(3)
    assert (bench.read("FSRC"), bench.engine._slot.irqs[0].level) == (0, False)
    assert bench.state(3) is State.KILLING
    bench.run(SETTLE)
    assert bench.state(3) is State.STOPPED
    bench.start(asm.END, channel=3)
    bench.run(2000)
    assert (bench.state(3), bench.fault(3)) == (State.STOPPED, 0)


@pytest.mark.parametrize(
    ("program", "bits"),
    [
        ([asm.mov(Address.CCR, control(non_secure=False)), asm.wfe(20), asm.wfp(20, P), asm.END], 0),
        ([asm.sev(20), asm.flush_peripheral(20), asm.END], 0),
    ],
)
def test_a_secure_channel_may_use_what_is_secure(program: list[Part], bits: int) -> None:
    class Secure(Pl330):
        straps = Straps(manager_non_secure=False, events_non_secure=0, peripherals_non_secure=0)

    bench = Pl330Bench(Secure)
    bench.debug(asm.sev(20))
    bench.start(*program, non_secure=False)
    bench.run(2000)
    bench.engine.request(20, burst=False)
    bench.run(2000)
    assert (bench.fault(), bench.state()) == (bits, State.STOPPED)


MANAGER_FAULTS: list[tuple[str, Part, int]] = [
    ("secure channel", asm.go(0, CODE, non_secure=False), DMAGO),
    ("secure event", asm.sev(16), EVENT),
    ("undefined", bytes_of("ff"), UNDEF),
    ("a channel's instruction", asm.LOAD, UNDEF),
    ("no such register", bytes_of("bc07"), OPERAND),
    ("reserved bits", bytes_of("3403"), OPERAND),
]


@pytest.mark.parametrize(
    ("code", "bits"), [row[1:] for row in MANAGER_FAULTS], ids=[r[0] for r in MANAGER_FAULTS]
)
def test_manager_fault_by_debug(code: Part, bits: int) -> None:
    bench = Pl330Bench(HalfSecure, irqs=2)
    bench.debug(code)
    assert (bench.read("FTRD"), bench.read("FSRD"), bench.state(None)) == (bits | DEBUG, 1, State.FAULTING)
    assert bench.engine._slot.irqs[0].level
    for nothing in (asm.sev(1), bytes_of("fe"), bytes_of("3501")):
        bench.debug(nothing)
    assert (bench.read("INT_EVENT_RIS"), bench.read("FTRD")) == (0, bits | DEBUG)
    bench.kill()
    assert (bench.read("FSRD"), bench.state(None)) == (0, State.STOPPED)
    assert not bench.engine._slot.irqs[0].level
    bench.debug(asm.sev(1))
    assert bench.read("INT_EVENT_RIS") == 2


@pytest.mark.parametrize(
    ("program", "offset", "bits"),
    [
        ([asm.NOP, asm.go(0, CODE, non_secure=False)], 1, DMAGO),
        ([asm.wfe(16)], 0, EVENT),
        ([asm.sev(16)], 0, EVENT),
        ([asm.NOP, asm.NOP, asm.LOAD], 2, UNDEF),
        ([bytes_of("3401")], 0, OPERAND),
    ],
)
def test_manager_fault_from_memory(program: list[Part], offset: int, bits: int) -> None:
    class Boots(HalfSecure):
        straps = Straps(True, CODE, True, 0xFFFF, 0xFFFF)

    bench = Pl330Bench(Boots)
    bench.load_program(*program)
    bench.run(2000)
    assert (bench.read("FTRD"), bench.read("DPC")) == (bits, CODE + offset)


def test_debug_fault_of_a_channel() -> None:
    bench = Pl330Bench(HalfSecure)
    start = bench.start(asm.wfe(1), asm.END)
    bench.run(2000)
    bench.debug(asm.sev(17), 0)
    assert (bench.fault(), bench.read("CPC0")) == (EVENT | DEBUG, start + 2)
    bench.kill(0)
    bench.run(2000)
    bench.start(asm.wfe(1), asm.END)
    bench.run(2000)
    bench.debug(asm.END, 0)
    assert bench.fault() == UNDEF | DEBUG


@pytest.mark.parametrize("where", [0x1000, END - 2, 0xFFFF_FFFE], ids=hex)
def test_instruction_fetch_error(where: int) -> None:
    bench = Pl330Bench()
    bench.fill(END - 32, b"\x18" * 31 + b"\xbc")
    bench.debug(asm.go(2, where, non_secure=True))
    bench.run(2000)
    at = END - 1 if where == END - 2 else where
    assert (bench.fault(2), bench.read("CPC2"), bench.state(2)) == (FETCH, at, State.FAULTING)


def test_a_channel_runs_into_a_hole_between_two_lines() -> None:
    """The instruction begins in memory and ends behind it."""
    bench = Pl330Bench()
    bench.fill(END - 8, b"\x18" * 5 + bytes_of("bc0012"))
    bench.debug(asm.go(0, END - 8, non_secure=True))
    bench.run(2000)
    assert (bench.fault(), bench.read("CPC0")) == (FETCH, END - 3)


def test_a_faulting_channel_completes_first() -> None:
    bench = Pl330Bench()
    bench.start(asm.NOP, bytes_of("ff"))
    bench.run(2 * CYCLE)
    assert (bench.state(), bench.read("FSRC"), bench.raised) == (State.FAULTING_COMPLETING, 1, [True])
    bench.run(SETTLE)
    assert (bench.state(), bench.read("FSRC")) == (State.FAULTING, 1)


def test_a_fault_comes_when_its_time_has_come() -> None:
    bench = Pl330Bench()
    bench.start(*COPY, copy_loop(64), bytes_of("ff"))
    cycles = 1 + 3 + 1 + 64 * 35
    bench.run(cycles * CYCLE - 1)
    assert bench.state() is State.EXECUTING
    bench.run(1)
    assert bench.state() is State.FAULTING_COMPLETING


def test_a_burst_that_fails_half_way_has_written_the_first_half() -> None:
    bench = Pl330Bench()
    data = bench.randomise()
    bench.start(*setup(SOURCE, END - 40, control()), asm.LOAD, asm.STORE)
    bench.run(2000)
    assert bench.fault() == WRITE
    assert bench.memory(END - 40, 40).tolist() == data[:40].tolist()
    assert bench.registers() == (SOURCE + 128, END - 40)


def test_other_channels_go_on() -> None:
    bench = Pl330Bench()
    bench.start(bytes_of("ff"))
    bench.start(*COPY, copy_loop(16), asm.END, channel=1)
    bench.run(20_000)
    assert (bench.state(0), bench.state(1), bench.read("DAR1")) == (
        State.FAULTING,
        State.STOPPED,
        TARGET + 2048,
    )


# --- the MFIFO -----------------------------------------------------------------


def fill_mfifo(bench: Pl330Bench, *then: Part, loads: int = 4, channels: tuple[int, ...] = (0, 1)) -> None:
    """Channels that each load `loads` bursts of 128 bytes and wait for event 0; 1024 bytes fit."""
    for channel in channels:
        bench.start(*COPY, *[asm.LOAD] * loads, asm.wfe(channel), *then, channel=channel)
    bench.run(2000)


def test_a_load_waits_for_space_that_another_channel_holds() -> None:
    bench = Pl330Bench()
    fill_mfifo(bench, asm.STORE, asm.END)
    bench.start(*setup(SOURCE, TARGET + 0x1000, control()), asm.LOAD, asm.STORE, asm.END, channel=2)
    bench.run(50_000)
    assert (bench.state(2), bench.read("CPC2"), bench.read("SAR2")) == (
        State.EXECUTING,
        CODE + 0x2012,
        SOURCE,
    )
    bench.debug(asm.sev(0))
    bench.run(2000)
    assert (bench.state(0), bench.state(2)) == (State.STOPPED, State.STOPPED)
    assert bench.read("DAR2") == TARGET + 0x1080


def test_channels_that_starve_each_other_lock_up() -> None:
    bench = Pl330Bench()
    fill_mfifo(bench, asm.LOAD, asm.STORE)
    bench.debug(asm.sev(0))
    bench.debug(asm.sev(1))
    bench.run(1024 * CYCLE)
    assert bench.read("FSRC") == 0
    bench.run(100)
    assert (bench.read("FSRC"), bench.fault(0), bench.fault(1)) == (3, LOCKUP, LOCKUP)
    assert (bench.read("CPC0"), bench.raised) == (CODE + 18 + 6, [True])
    bench.kill(0)
    bench.kill(1)
    assert bench.raised == [True, False]
    bench.run(2000)
    bench.start(*COPY, *[asm.LOAD] * 8, asm.END)
    bench.run(2000)
    assert (bench.state(), bench.fault()) == (State.STOPPED, 0)


def test_the_watchdog_can_be_told_to_abort_nobody() -> None:
    bench = Pl330Bench()
    bench.write("WD", 0xFFFF_FFFF)
    assert bench.read("WD") == 1
    fill_mfifo(bench, asm.LOAD, asm.STORE, asm.END)
    bench.debug(asm.sev(0))
    bench.debug(asm.sev(1))
    bench.run(10_000)
    assert (bench.read("FSRC"), bench.state(0), bench.raised) == (0, State.EXECUTING, [True])
    bench.kill(1)
    bench.run(1000)
    assert (bench.state(0), bench.raised) == (State.STOPPED, [True, False])


def test_a_channel_that_waits_for_an_event_is_not_locked_up() -> None:
    bench = Pl330Bench()
    fill_mfifo(bench, asm.STORE, asm.END, loads=8, channels=(0,))
    bench.start(*COPY, asm.LOAD, asm.STORE, asm.END, channel=1)
    bench.run(1_000_000)
    assert bench.read("FSRC") == 0
    bench.debug(asm.sev(0))
    bench.run(1000)
    assert (bench.state(0), bench.state(1)) == (State.STOPPED, State.STOPPED)


def test_a_killed_channel_that_waits_for_space_stays_killed() -> None:
    bench = Pl330Bench()
    fill_mfifo(bench, asm.STORE, asm.END)
    bench.start(*COPY, asm.LOAD, asm.STORE, asm.END, channel=2)
    bench.run(100)
    bench.kill(2)
    bench.debug(asm.sev(0))
    bench.run(100_000)
    assert (bench.state(2), bench.read("SAR2"), bench.clock.next_event()) == (State.STOPPED, SOURCE, None)


# --- no way out but the right one ----------------------------------------------


def test_kill_at_every_moment() -> None:
    program = Program()
    program.add(*COPY)
    with program.loop(0, 2):
        program.add(asm.LOAD, asm.STORE)
    program.add(asm.wfe(0), asm.END)
    bench = Pl330Bench()
    for moment in range(0, 90 * CYCLE, 3):
        bench.start(program.code)
        bench.run(moment)
        bench.kill(0)
        bench.run(SETTLE)
        assert bench.state() is State.STOPPED
        assert bench.engine.channels[0].data.held == 0
        assert bench.clock.next_event() is None
