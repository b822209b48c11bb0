"""Virtual time: slices, events, models that fail, and the same run twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from soc.cpu import Image, StopReason
from soc.cpu.ways import Choice
from tests.cpu.guest import BASE, DEVICE, GuestMachine

LOOP = 9
"""Instructions of one round of count_loop."""


def test_one_instruction_takes_one_nanosecond(machine: GuestMachine) -> None:
    machine.start("count_loop", x0=1000)
    assert machine.run() is StopReason.WFI
    assert machine.clock.now == 1000 * LOOP + 1
    assert machine.x(1) == 1000


@pytest.mark.parametrize("slice_length", [10, 100, 999, 12_345])
def test_slices_do_not_change_what_runs(machine: GuestMachine, slice_length: int) -> None:
    machine.start("count_loop", x0=500)
    whole = slice_length // LOOP
    for number in range(1, 6):
        if machine.run(slice_length) is StopReason.WFI:
            break
        assert machine.clock.now == number * slice_length
        assert machine.x(1) == number * whole
    machine.run()
    assert machine.x(1) == 500


def test_time_inside_an_access_counts_the_block(machine: GuestMachine) -> None:
    times: list[int] = []
    machine.device.on_read = lambda offset: times.append(machine.clock.now)
    machine.start("poll_device", x0=3, x9=DEVICE)
    machine.run()
    # adr, msr, msr | ldr, add, subs, b.ne per round
    assert times == [7, 11, 15]


def test_event_put_by_a_model_ends_the_slice_there(machine: GuestMachine) -> None:
    ran: list[int] = []
    machine.device.on_read = lambda offset: (
        ran or machine.clock.after(50, lambda: ran.append(machine.clock.now)) and None
    )
    machine.start("poll_device", x0=100_000, x9=DEVICE)
    assert machine.run(1_000_000) is StopReason.TIME
    event = machine.clock.next_event()
    assert machine.clock.now == event == 57
    assert machine.clock.run_due()
    assert ran == [57]
    assert machine.run(1_000) is StopReason.TIME


def test_event_put_for_now_ends_the_slice_after_the_block(machine: GuestMachine) -> None:
    machine.device.on_read = lambda offset: machine.clock.after(0, lambda: None) and None
    machine.start("poll_device", x0=100, x9=DEVICE)
    assert machine.run(1_000_000) is StopReason.TIME
    assert machine.clock.now == 7
    assert len(machine.device.accesses) == 1


def test_event_beyond_the_slice_changes_nothing(machine: GuestMachine) -> None:
    machine.device.on_read = lambda offset: machine.clock.after(10_000, lambda: None) and None
    machine.start("poll_device", x0=1000, x9=DEVICE)
    assert machine.run(500) is StopReason.TIME
    assert machine.clock.now == 500


def test_exception_of_a_model_comes_out_of_run_once(machine: GuestMachine) -> None:
    def broken(offset: int) -> None:
        if len(machine.device.accesses) == 3:
            raise ZeroDivisionError("model is broken")

    machine.device.on_read = broken
    machine.start("poll_device", x0=10, x9=DEVICE)
    with pytest.raises(ZeroDivisionError, match="model is broken"):
        machine.run()
    assert len(machine.device.accesses) == 3
    assert machine.clock.progress is None
    assert machine.run() is StopReason.WFI
    assert len(machine.device.accesses) == 10


def test_exception_of_an_interrupt_sink_comes_out_of_run(machine: GuestMachine) -> None:
    def broken(level: bool) -> None:
        if level:
            raise ZeroDivisionError("controller is broken")

    machine.cpu.timer.virtual.line.connect(broken)
    machine.clock.advance(1_000)
    machine.start("virtual_timer", x0=0xFFFF_FFFF)
    with pytest.raises(ZeroDivisionError, match="controller is broken"):
        machine.run()


def test_reset_forgets_registers_and_keeps_dram(machine: GuestMachine) -> None:
    machine.dram.view(BASE + 0x10_0000, 4)[:] = 7
    machine.start_with_mmu("store_at", x0=BASE + 0x20_0000, x1=0)
    machine.run()
    machine.start("count_loop", x0=1, x1=5)
    machine.run()
    assert machine.x(1) == 6
    assert [machine.x(n) for n in range(8, 31)] == [0] * 23
    assert bytes(machine.dram.view(BASE + 0x10_0000, 4)) == b"\7\7\7\7"


Trace = tuple[list[tuple[int, str, int, int]], list[int], str]


def traced_run(programs: Image, engine: Choice) -> Trace:
    """(time, access, offset, value) of every device access, registers, hash of DRAM."""
    machine = GuestMachine(programs, engine)
    try:
        trace: list[tuple[int, str, int, int]] = []
        reads = [0]

        def on_read(offset: int) -> None:
            reads[0] += 1
            trace.append((machine.clock.now, "read", offset, reads[0]))
            if reads[0] % 5 == 0:
                machine.clock.after(37, lambda: machine.cpu.set_irq(True))

        def on_write(offset: int, value: int) -> None:
            trace.append((machine.clock.now, "write", offset, value))
            machine.cpu.set_irq(machine.cpu.timer.virtual.line.level)

        machine.device.on_read, machine.device.on_write = on_read, on_write
        machine.cpu.timer.virtual.line.connect(lambda level: level and machine.cpu.set_irq(True))
        machine.start_with_mmu("busy_mix", x0=400, x8=BASE + 0x10_0000, x9=DEVICE)
        machine.run_machine(200_000)
        trace.append((machine.clock.now, "end", machine.cpu.pc, 0))
        digest = hashlib.sha256(machine.dram.banks[0].bytes.tobytes()).hexdigest()
        return trace, [machine.x(n) for n in range(31)], digest
    finally:
        machine.close()


@pytest.fixture(scope="module")
def trace_of(programs: Image) -> Callable[[Choice], Trace]:
    return lambda engine: traced_run(programs, engine)


def test_two_runs_are_the_same_run(trace_of: Callable[[Choice], Trace]) -> None:
    first = trace_of("fast")
    assert len(first[0]) > 450  # 400 reads and the interrupts' writes
    assert first[1][10] > 50
    assert trace_of("fast") == first


def test_fast_and_portable_ways_give_the_same_run(trace_of: Callable[[Choice], Trace]) -> None:
    assert trace_of("portable") == trace_of("fast")
