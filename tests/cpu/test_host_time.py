"""A core on the host's clock: it does what the counting one does, only not at the same instants.

How long anything takes is the host's business; nothing here depends on it, except on the host
getting something done within `PATIENCE`.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from soc.cpu import Image, StopReason, selftest
from soc.cpu.engine import Engine
from soc.cpu.host_time import HostTime
from soc.cpu.psci import SYSTEM_OFF, Conduit
from soc.errors import SocError
from tests.cpu.guest import BASE, DEVICE, SMALL_DEVICE, SMALL_SIZE, GuestMachine

COUNTER = BASE + 0x10_0000
SECOND = 1_000_000_000
PATIENCE = 60 * SECOND
SLICE = 20_000
ROUNDS = 1_000_000
TICK = 16

Build = Callable[..., GuestMachine]


@pytest.fixture
def build(programs: Image) -> Iterator[Build]:
    machines: list[GuestMachine] = []

    def build_one(psci: Conduit | None = None) -> GuestMachine:
        machines.append(GuestMachine(programs, "auto", psci, host_time=True))
        return machines[-1]

    yield build_one
    for machine in machines:
        machine.close()


@pytest.fixture
def machine(build: Build) -> GuestMachine:
    return build()


def counter(machine: GuestMachine) -> int:
    return int(machine.dram.view(COUNTER, 8).view(np.uint64)[0])


def run_in_slices(machine: GuestMachine, nanoseconds: int = SLICE) -> int:
    """Run to WFI, stopped again and again; how often."""
    slices = 0
    while machine.run(nanoseconds) is StopReason.TIME:
        slices += 1
        assert machine.clock.now < PATIENCE
    return slices


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread looks as often as it can."""
    monkeypatch.setattr("soc.cpu.host_time.PERIOD", 0)


def test_the_core_says_that_it_is_on_host_time(machine: GuestMachine) -> None:
    assert machine.cpu.engine.startswith("host time, engine's own exception entry, interrupt line, ")


def test_a_program_runs_to_its_end(machine: GuestMachine) -> None:
    machine.start_with_mmu("count_loop", x0=1000)
    assert machine.run(PATIENCE) is StopReason.WFI
    assert machine.x(1) == 1000
    assert 0 < machine.clock.now < PATIENCE


def test_a_program_without_end_is_stopped_and_time_has_passed(machine: GuestMachine) -> None:
    machine.start("spin")
    for until in (1_000_000, 2_000_000, 3_000_000):
        assert machine.cpu.run(until) is StopReason.TIME
        assert until <= machine.clock.now < PATIENCE


def test_no_stop_repeats_or_loses_an_instruction(impatient: None, machine: GuestMachine) -> None:
    stops = 0
    for rounds in range(1, 20):
        machine.start_with_mmu("count_exclusive", x0=ROUNDS, x2=COUNTER)
        stops += run_in_slices(machine)
        assert counter(machine) == rounds * ROUNDS
        if stops > 500:
            break
    assert stops > 500


def test_without_whole_blocks_a_stop_repeats_one(
    impatient: None, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the test above would see: a store that is repeated fails, and the program tries again."""
    monkeypatch.setattr("soc.cpu.host_time.run_blocks_whole", lambda engine: None)
    machine = build()
    for rounds in range(1, 50):
        machine.start_with_mmu("count_exclusive", x0=ROUNDS, x2=COUNTER)
        run_in_slices(machine)
        if counter(machine) > rounds * ROUNDS:
            return
    pytest.fail("not seen in 50 rounds")


def test_two_machines_at_once(impatient: None, build: Build) -> None:
    machines = build(), build()
    stops = [0, 0]

    def work(number: int) -> None:
        machine = machines[number]
        machine.start_with_mmu("count_exclusive", x0=ROUNDS, x2=COUNTER)
        stops[number] = run_in_slices(machine)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [counter(machine) for machine in machines] == [ROUNDS, ROUNDS]
    assert min(stops) > 0


def test_timer_interrupts_arrive_while_the_program_works(machine: GuestMachine) -> None:
    machine.cpu.timer.virtual.line.connect(machine.cpu.set_irq)
    machine.start_with_mmu("ticks", x0=20_000, x3=20)
    assert machine.run_machine(PATIENCE) is StopReason.WFI
    assert machine.x(10) == 20
    assert machine.x(1) > 20
    assert machine.clock.now >= 20 * 20_000 * TICK


def test_a_timer_of_no_time_at_all_is_not_lost(machine: GuestMachine) -> None:
    """It runs out while the model looks whether it has."""
    machine.cpu.timer.virtual.line.connect(machine.cpu.set_irq)
    for ticks in range(0, 400, 4):
        machine.start_with_mmu("ticks", x0=ticks, x3=5)
        assert machine.run_machine(SECOND) is StopReason.WFI
        assert machine.x(10) == 5


def test_wfi_sleeps_until_the_timer(machine: GuestMachine) -> None:
    machine.cpu.timer.virtual.line.connect(machine.cpu.set_irq)
    machine.start("virtual_timer", x0=1000)
    assert machine.run_machine(PATIENCE) is StopReason.WFI
    assert machine.x(10) == 1
    assert machine.x(12) >= machine.x(15)


def test_wfi_waits_for_the_line(machine: GuestMachine) -> None:
    machine.start("sleep_masked")
    assert machine.run(PATIENCE) is StopReason.WFI
    before = machine.clock.now
    assert machine.run(PATIENCE) is StopReason.WFI
    assert (machine.clock.now, machine.x(2)) == (before, 0)
    machine.cpu.set_irq(True)
    assert machine.run(1_000_000) is StopReason.TIME
    assert machine.x(2) == 1


def test_an_interrupt_that_a_device_raises_is_taken_before_the_next_access(machine: GuestMachine) -> None:
    reads = [0]

    def on_read(offset: int) -> None:
        reads[0] += 1
        if reads[0] % 7 == 0:
            machine.cpu.set_irq(True)

    machine.device.on_read = on_read
    machine.device.on_write = lambda offset, value: machine.cpu.set_irq(False)
    machine.start_with_mmu("poll_device", x0=700, x9=DEVICE)
    assert machine.run(PATIENCE) is StopReason.WFI
    order = "".join(access[0][0] for access in machine.device.accesses)
    assert order == "rrrrrrrw" * 100


def test_an_event_of_now_is_not_kept_waiting(machine: GuestMachine) -> None:
    machine.device.on_read = lambda offset: machine.clock.after(0, lambda: None) and None
    machine.start("poll_device", x0=100, x9=DEVICE)
    assert machine.run(PATIENCE) is StopReason.TIME
    assert len(machine.device.accesses) == 1
    assert machine.clock.next_event() is not None


def test_time_never_goes_back(machine: GuestMachine) -> None:
    times: list[int] = []
    reads = machine.device.accesses

    def on_read(offset: int) -> None:
        times.append(machine.clock.now)
        if len(reads) % 10 == 0:
            machine.clock.after(0, lambda: times.append(machine.clock.now))

    machine.device.on_read = on_read
    machine.start("poll_device", x0=500, x9=DEVICE)
    assert machine.run_machine(PATIENCE) is StopReason.WFI
    assert times == sorted(times)
    assert len(times) == 550


def test_an_exception_of_a_model_comes_out_of_run(machine: GuestMachine) -> None:
    def broken(offset: int) -> None:
        if len(machine.device.accesses) == 3:
            raise ZeroDivisionError("model is broken")

    machine.device.on_read = broken
    machine.start("poll_device", x0=10, x9=DEVICE)
    with pytest.raises(ZeroDivisionError, match="model is broken"):
        machine.run(PATIENCE)
    assert machine.run(PATIENCE) is StopReason.WFI
    assert len(machine.device.accesses) == 10


def test_an_access_that_nobody_answers_is_aborted_after_its_block(machine: GuestMachine) -> None:
    machine.start("load_at", x0=SMALL_DEVICE + SMALL_SIZE, x27=machine.label("spin"))
    assert machine.run(1_000_000) is StopReason.TIME
    assert (machine.x(20), machine.x(21)) == (1, 0x9600_0410)
    assert machine.x(22) > machine.label("load_here")


def test_firmware_and_faults_end_the_run(build: Build) -> None:
    machine = build("hvc")
    machine.start("call_hvc", x0=SYSTEM_OFF)
    assert machine.run(PATIENCE) is StopReason.POWER_OFF
    machine.cpu.reset(machine.label("undefined_word"))  # VBAR_EL1 is a hole: the vector faults itself
    assert machine.run(2_000_000) is StopReason.TIME
    assert machine.clock.now < PATIENCE
    assert machine.log[-1] == "cpu: the vector at 0x200 faults itself: locked up"


def test_system_calls(machine: GuestMachine) -> None:
    machine.start("svc_storm")
    assert machine.run(2_000_000) is StopReason.TIME
    assert machine.x(20) > 100


def test_a_stop_never_comes_in_the_next_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """There it would look as if the program had gone to sleep."""
    engine = Engine()
    budget = HostTime(engine)
    waited: list[bool] = []
    done = threading.Event()

    def next_slice() -> None:
        budget.settle()
        budget.grant(PATIENCE)

    def stop() -> None:
        other = threading.Thread(target=next_slice)
        other.start()
        other.join(0.05)
        waited.append(other.is_alive())
        done.set()

    monkeypatch.setattr(engine, "stop", stop)
    budget.grant(0)
    assert done.wait(PATIENCE / SECOND)
    assert waited == [True]


def test_the_thread_ends_with_the_core(programs: Image) -> None:
    before = set(threading.enumerate())
    machine = GuestMachine(programs, "auto", host_time=True)
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon and thread.name == HostTime.name
    machine.start("count_loop", x0=10)
    machine.run(PATIENCE)
    machine.close()
    del machine
    gc.collect()
    thread.join(PATIENCE / SECOND)
    assert not thread.is_alive()


REFUSED = "^host time needs every fast way of driving the engine; leave --fast out$"


def test_refused_with_the_portable_ways(programs: Image) -> None:
    with pytest.raises(SocError, match=REFUSED):
        GuestMachine(programs, "portable", host_time=True)


@pytest.mark.parametrize("way", ["budget", "entry", "line", "registers", "code", "access_pc"])
def test_refused_where_a_fast_way_does_not_work(
    programs: Image, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr("soc.cpu.ways.ways", lambda: replace(selftest.ways(), **{way: False}))
    with pytest.raises(SocError, match=REFUSED):
        GuestMachine(programs, "auto", host_time=True)
