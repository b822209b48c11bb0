"""What the core remembers of exceptions, and where it stops one that will never end."""

from __future__ import annotations

import pytest

from soc.cpu import StopReason
from soc.cpu.budget import EXCEPTION_COST
from soc.cpu.exceptions import KEPT
from soc.cpu.storm import LIMIT
from tests.cpu.words import (
    END,
    HERE,
    UNDEFINED,
    VBAR,
    Machines,
    WordMachine,
    add,
    msr,
    skip,
)

UDF, SVC, LOAD_X2_X3 = 0x0000_0000, 0xD400_0001, 0xF940_0062
NOWHERE = 0x0A00_0000
EXTERNAL_LOAD = 0x9600_0410
BRANCH_X3 = 0xD61F_0060


@pytest.fixture
def machine(words: Machines) -> WordMachine:
    """Its handler goes on after the instruction that was at fault."""
    built = words()
    built.put(built.vector(1, 0x200), *skip(1))
    return built


def test_the_latest_are_kept_oldest_first(machine: WordMachine) -> None:
    taken = machine.execute(*[UDF] * (KEPT + 3), LOAD_X2_X3, x3=NOWHERE)
    pcs = [machine.code(number) for number in range(4, KEPT + 4)]
    assert [exception.pc for exception in taken] == pcs
    assert [exception.esr for exception in taken] == [UNDEFINED] * (KEPT - 1) + [EXTERNAL_LOAD]
    assert [exception.time for exception in taken] == sorted({exception.time for exception in taken})


def test_calls_are_not_among_them(machine: WordMachine) -> None:
    machine.put(machine.vector(1, 0x200), 0xD69F_03E0)
    assert machine.execute(*[SVC] * 20) == ()


def test_a_reset_forgets_them(machine: WordMachine) -> None:
    assert len(machine.execute(UDF)) == 1
    machine.reset(*END)
    assert machine.cpu.exceptions == ()


def test_an_exception_takes_its_time(machine: WordMachine) -> None:
    """On top of the instructions of the program and of the handler."""
    durations = []
    for program in ((add(1, 1), add(1, 1)), (add(1, 1), UDF)):
        start = machine.clock.now
        machine.execute(*program)
        durations.append(machine.clock.now - start)
    assert durations[1] - durations[0] == EXCEPTION_COST + len(skip(1))


RETURN_UNTIL_X0_IS_0 = (0xF100_0400, 0x5400_0040, 0xD69F_03E0)
"""`subs x0, x0, #1`, `b.eq` past an `eret`."""


@pytest.mark.parametrize("step", [0, 0x1000], ids=["at the same address", "at another address each time"])
def test_an_abort_that_repeats_itself_stops_the_core(machine: WordMachine, step: int) -> None:
    """The handler returns to the load; a program that looks for memory goes on to the next address."""
    machine.put(machine.vector(1, 0x200), add_pages(3, step >> 12), *RETURN_UNTIL_X0_IS_0, *skip(1))
    machine.reset(LOAD_X2_X3, *END, x0=2 * LIMIT, x3=NOWHERE)
    reason = machine.run(10_000_000)
    if step:
        assert (reason, machine.cpu.pc) == (StopReason.WFI, machine.code(2))
    else:
        assert (reason, machine.cpu.x(0)) == (StopReason.HALTED, LIMIT + 1)
        stuck = f"cpu: stuck: the instruction at {machine.code(0):#x} aborts again and again"
        assert machine.log[-1] == stuck
        assert machine.run() is StopReason.HALTED


def add_pages(register: int, number: int) -> int:
    """`add xN, xN, #number, lsl #12`"""
    return 0x9140_0000 | number << 10 | register << 5 | register


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_vector_that_faults_itself_locks_up_and_time_passes(words: Machines, level: int) -> None:
    machine = words(level)
    machine.put(machine.vector(level, 0x200), UDF)
    machine.reset(UDF)
    vector = machine.vector(level, 0x200)
    for _ in range(3):
        until = machine.clock.now + 1_000_000
        assert machine.cpu.run(until) is StopReason.TIME
        assert machine.clock.now == until
    assert machine.cpu.pc == vector
    assert machine.log == [f"cpu: the vector at {vector:#x} faults itself: locked up"]
    assert {exception.pc for exception in machine.cpu.exceptions[1:]} == {vector}


def test_a_locked_up_core_is_freed_by_a_reset(words: Machines) -> None:
    machine = words()
    machine.reset(msr(VBAR[1], 31), UDF)
    assert machine.run() is StopReason.TIME
    machine.execute(add(1, 1))
    assert (machine.x(1), machine.cpu.exceptions) == ([1], ())


def test_a_branch_to_nowhere_is_one_abort(machine: WordMachine) -> None:
    machine.reset(BRANCH_X3, HERE, x3=NOWHERE)
    machine.put(machine.vector(1, 0x200), *END)
    assert machine.run() is StopReason.WFI
    (taken,) = machine.cpu.exceptions
    assert (taken.pc, taken.esr) == (NOWHERE, 0x8600_0410)
