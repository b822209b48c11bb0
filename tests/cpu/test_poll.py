"""Reading the counter costs more and more for a program that does nothing else (soc/cpu/timer.py, Poll)."""

from __future__ import annotations

import pytest

from soc.cpu.timer import CHEAPEST_READ, DEAREST_READ, LITTLE_ELSE
from soc.registers import SystemRegister
from tests.cpu.words import END, UNMASK_IRQ, Machines, WordMachine, add, mrs, msr

CNTPCT, CNTVCT = (3, 3, 14, 0, 1), (3, 3, 14, 0, 2)
CNTV_CTL, CNTV_CVAL = (3, 3, 14, 3, 1), (3, 3, 14, 3, 2)
TICK = 16
MILLISECOND = 1_000_000
NEVER = (1 << 64) - 1

SUBTRACT_X2_X4, BACK_IF_LOWER = 0xEB04_005F, 0x54FF_FFA3
"""`cmp x2, x4` and `b.lo` three instructions back."""
BLOCK = 3

COUNT_DOWN_X0, BACK_IF_NOT_0 = 0xF100_0400, 0x54FF_FFE1
LOAD_X0_X5 = 0xAA05_03E0
"""`mov x0, x5`"""


def poll(
    machine: WordMachine, ticks: int, counter: tuple[int, int, int, int, int] = CNTVCT
) -> tuple[int, int]:
    """Wait in a loop for the count to reach `ticks`: iterations, and when it ended (ns)."""
    program = (add(1, 1), mrs(counter, 2), SUBTRACT_X2_X4, BACK_IF_LOWER)
    machine.reset(*program, *END, x4=ticks)
    machine.run(10 * MILLISECOND)
    return machine.cpu.x(1), machine.clock.now


@pytest.mark.parametrize("counter", [CNTVCT, CNTPCT], ids=["virtual", "physical"])
def test_a_poll_ends_at_its_time_after_few_reads(words: Machines, counter: SystemRegister) -> None:
    iterations, end = poll(words(), MILLISECOND // TICK, counter)
    assert MILLISECOND <= end <= MILLISECOND + DEAREST_READ + 2 * BLOCK
    assert 900 < iterations < 1200


def test_without_growing_cost_it_takes_many_more(words: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soc.cpu.timer.STEP", 0)
    iterations, end = poll(words(), MILLISECOND // TICK)
    assert MILLISECOND <= end <= MILLISECOND + CHEAPEST_READ + 2 * BLOCK
    assert iterations > 45_000


@pytest.mark.parametrize("ticks", [20, 60, 625])
def test_a_short_wait_is_not_passed_by_much(words: Machines, ticks: int) -> None:
    """A driver's udelay of a microsecond takes one, not two."""
    _, end = poll(words(), ticks)
    assert ticks * TICK <= end <= ticks * TICK * 1.3


def test_two_polls_are_the_same_poll_on_any_engine() -> None:
    found = []
    for engine in ("fast", "portable", "fast"):
        machine = WordMachine(engine)
        found.append(poll(machine, MILLISECOND // TICK))
        machine.close()
    assert found[0] == found[1] == found[2]


def busy(machine: WordMachine, rounds: int, work: int) -> int:
    """Read the counter, then do `work` instructions, so often: nanoseconds that took."""
    program = (mrs(CNTVCT, 2), LOAD_X0_X5, COUNT_DOWN_X0, BACK_IF_NOT_0, 0xF100_04C6, 0x54FF_FF61)
    machine.reset(*program, *END, x5=work // 2, x6=rounds)
    start = machine.clock.now
    machine.run(10 * MILLISECOND)
    assert machine.cpu.x(6) == 0
    return machine.clock.now - start


def test_who_works_between_two_reads_pays_the_least(words: Machines) -> None:
    work, rounds = 2 * CHEAPEST_READ + LITTLE_ELSE, 200
    least = rounds * (work + CHEAPEST_READ)
    assert least <= busy(words(), rounds, work) <= least * 1.05


def test_who_polled_and_works_again_pays_the_least_again(words: Machines) -> None:
    machine = words()
    _, end = poll(machine, MILLISECOND // TICK)
    work, rounds = 3 * DEAREST_READ, 50
    least = rounds * (work + CHEAPEST_READ)
    assert least <= busy(machine, rounds, work) <= least * 1.05


def test_a_timer_that_is_due_is_not_slept_over(words: Machines) -> None:
    """A read that would take the program past an event takes it to the event."""
    machine = words()
    fired: list[int] = []
    line = machine.cpu.timer.virtual.line
    line.connect(
        lambda level: (fired.append(machine.clock.now) if level else None, machine.cpu.set_irq(level))
    )
    fired.clear()
    poll_for_ever = (mrs(CNTVCT, 2), 0x17FF_FFFF)
    timer = (msr(CNTV_CVAL, 4), msr(CNTV_CTL, 5))
    machine.reset(*timer, UNMASK_IRQ, *poll_for_ever, x4=30_000, x5=1)
    machine.run_machine(MILLISECOND)
    assert fired == [30_000 * TICK]
    assert machine.at_vector() == (1, 0x280)
    saved_time = machine.cpu.x(2) * TICK
    assert 30_000 * TICK - 2 * DEAREST_READ < saved_time <= 30_000 * TICK


@pytest.mark.parametrize("nanoseconds", [1, 4])
def test_a_read_costs_time_and_not_instructions(words: Machines, nanoseconds: int) -> None:
    machine = words(ns_per_instruction=nanoseconds)
    machine.execute(*[mrs(CNTVCT, 2)] * 2)
    reset_and_end = machine.clock.now
    machine.execute()
    costs = CHEAPEST_READ + 8, CHEAPEST_READ + 16
    assert reset_and_end - (machine.clock.now - reset_and_end) == sum(costs) + 2 * nanoseconds
