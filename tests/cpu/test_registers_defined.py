"""Registers that the engine does not have, as a GICv3's ICC_*: the same by its own table and by hooks."""

from __future__ import annotations

import pytest

from soc.registers import CpuRegister, SystemRegister
from tests.cpu.words import END, UNDEFINED, XZR, Machines, WordMachine, add, mrs, msr

FIRST, SECOND = (3, 0, 12, 12, 0), (3, 0, 12, 12, 1)
ENCODINGS: dict[str, SystemRegister] = {
    "EL1": FIRST,
    "EL0": (3, 3, 11, 15, 7),
    "EL2": (3, 4, 12, 9, 5),
    "EL3": (3, 6, 12, 12, 7),
    "op0 = 2": (2, 7, 15, 15, 7),
}


@pytest.mark.parametrize("register", ENCODINGS.values(), ids=ENCODINGS)
def test_reads_and_writes_reach_the_model(words: Machines, register: SystemRegister) -> None:
    """Instructions before and after in the same block run once."""
    machine = words(3)
    held = [1 << 63 | 3]
    machine.cpu.registers.define(register, CpuRegister("NEW", lambda: held[-1], held.append, level=0))
    program = (
        add(1, 1),
        mrs(register, 2),
        add(1, 1),
        msr(register, 3),
        add(1, 1),
        mrs(register, 4),
        add(1, 1),
    )
    assert machine.execute(*program, x3=0x1_2345_6789) == ()
    assert machine.x(1, 2, 4) == [4, 1 << 63 | 3, 0x1_2345_6789]
    assert held == [1 << 63 | 3, 0x1_2345_6789]


def test_each_access_in_a_loop_is_one(words: Machines) -> None:
    machine = words()
    reads, writes = [], []
    machine.cpu.registers.define(
        FIRST, CpuRegister("COUNT", lambda: reads.append(1) or len(reads), writes.append)
    )
    subtract, back = 0xF100_0400, 0x5400_0001 | (-5 & 0x7FFFF) << 5  # subs x0, x0, #1; b.ne
    machine.execute(mrs(FIRST, 1), msr(FIRST, 1), mrs(FIRST, XZR), add(2, 1), subtract, back, x0=50)
    assert (len(reads), machine.x(2)) == (100, [50])
    assert writes == list(range(1, 100, 2))


def test_a_read_into_xzr_and_a_write_of_xzr(words: Machines) -> None:
    machine = words()
    seen: list[int] = []
    machine.cpu.registers.define(FIRST, CpuRegister("NEW", lambda: seen.append(-1) or 5, seen.append))
    assert machine.execute(mrs(FIRST, XZR), msr(FIRST, XZR), add(1, 1)) == ()
    assert (seen, machine.x(1)) == ([-1, 0], [1])


@pytest.mark.parametrize("word", [mrs(SECOND, 2), msr(SECOND, 2)], ids=["read", "write"])
@pytest.mark.parametrize("other", [True, False], ids=["one way only", "not defined"])
def test_an_access_without_a_model_is_undefined(words: Machines, word: int, other: bool) -> None:
    machine = words()
    seen: list[int] = []
    if other and word == msr(SECOND, 2):
        machine.cpu.registers.define(SECOND, CpuRegister("READ_ONLY", read=lambda: 7))
    elif other:
        machine.cpu.registers.define(SECOND, CpuRegister("WRITE_ONLY", write=seen.append))
    (taken,) = machine.execute(add(1, 1), word, add(1, 1), x2=9)
    assert (taken.esr, taken.pc) == (UNDEFINED, machine.code(1))
    assert machine.at_vector() == (1, 0x200)
    assert (machine.x(1, 2), seen) == ([1, 9], [])


@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("word", [mrs(FIRST, 2), msr(FIRST, 2)], ids=["read", "write"])
def test_the_level_that_may_is_enforced(words: Machines, level: int, at: int, word: int) -> None:
    machine = words(max(at, 1))
    asked: list[int] = []
    model = CpuRegister("NEW", lambda: asked.append(1) or 7, asked.append, level)
    machine.cpu.registers.define(FIRST, model)
    taken = machine.execute(word, at=at, x2=1)
    assert asked == ([1] if at >= level else [])
    assert [(exception.esr, exception.pc) for exception in taken] == (
        [] if at >= level else [(UNDEFINED, machine.code(0))]
    )


@pytest.mark.parametrize("word", [mrs(FIRST, 2), msr(FIRST, 2)], ids=["read", "write"])
def test_an_exception_of_a_model_comes_out_of_run_and_the_program_goes_on(words: Machines, word: int) -> None:
    machine = words()

    def broken(*value: int) -> int:
        raise ZeroDivisionError("broken")

    machine.cpu.registers.define(FIRST, CpuRegister("NEW", broken, broken))
    machine.reset(add(1, 1), word, add(1, 1), *END, x2=7)
    with pytest.raises(ZeroDivisionError, match="^broken$"):
        machine.run()
    machine.run()
    assert machine.cpu.exceptions == ()
    assert machine.x(1, 2) == [2, 0 if word == mrs(FIRST, 2) else 7]


def test_a_register_is_defined_once(words: Machines) -> None:
    """Two interrupt controllers with registers in one core are a mistake of the board, no crash."""
    machine = words()
    machine.cpu.registers.define(FIRST, CpuRegister("ICC_IAR1_EL1", lambda: 1))
    with pytest.raises(ValueError, match=r"^AGAIN: the core has a register at \(3, 0, 12, 12, 0\) already$"):
        machine.cpu.registers.define(FIRST, CpuRegister("AGAIN", lambda: 2))
    machine.execute(mrs(FIRST, 1))
    assert machine.x(1) == [1]


def test_the_table_refuses_a_register_of_the_engine() -> None:
    machine = WordMachine("fast")
    with pytest.raises(ValueError, match=r"^MINE: the core has a register at \(3, 0, 12, 0, 0\) already$"):
        machine.cpu.registers.define((3, 0, 12, 0, 0), CpuRegister("MINE", lambda: 2))
    machine.close()


def test_two_cores_have_registers_of_their_own(words: Machines) -> None:
    """The engine keeps one table for each, and descriptions of it for all."""
    machines = words(), words(), words()
    for number, machine in enumerate(machines[:2]):
        machine.cpu.registers.define(FIRST, CpuRegister("NEW", lambda number=number: 10 + number))
        machine.cpu.registers.on_read((3, 0, 0, 6, 0), lambda number=number: 20 + number)
    for machine in machines:
        machine.execute(mrs((3, 0, 0, 6, 0), 2), mrs(FIRST, 1))
    assert [machine.x(1, 2) for machine in machines[:2]] == [[10, 20], [11, 21]]
    assert machines[2].x(1) == [0]
    assert machines[2].x(2) == [machines[2].cpu.read_system((3, 0, 0, 6, 0))] != [20]
