"""Models behind registers that the engine has: the same by its own table and by hooks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from soc.registers import SystemRegister
from tests.cpu.words import END, SCTLR, UNDEFINED, VBAR, XZR, Machines, WordMachine, add, mrs, msr

TPIDR_EL0, TPIDR_EL1 = (3, 3, 13, 0, 2), (3, 0, 13, 0, 4)
MPIDR_EL1, ID_AA64PFR0_EL1, ID_AA64ISAR0_EL1 = (3, 0, 0, 0, 5), (3, 0, 0, 4, 0), (3, 0, 0, 6, 0)
AFSR0_EL1, OSDLR_EL1 = (3, 0, 5, 1, 0), (2, 0, 1, 3, 4)
DC_CVAC, DC_CVAU, DC_IVAC = (1, 3, 7, 10, 1), (1, 3, 7, 11, 1), (1, 0, 7, 6, 1)
TLBI_VMALLE1, CURRENT_EL = (1, 0, 8, 7, 0), (3, 0, 4, 2, 2)
UCI = 1 << 26
NEITHER = (3, 0, 11, 12, 0)
"""No core has a register there."""
TRAPPED = 0x18
"""Exception class of a trapped MRS, MSR or system instruction."""

READABLE = {
    "field": TPIDR_EL1,
    "field with a writer": VBAR[1],
    "function": MPIDR_EL1,
    "function, special": ID_AA64PFR0_EL1,
    "constant": ID_AA64ISAR0_EL1,
    "constant that can be written": AFSR0_EL1,
}
WRITABLE = {
    "field": TPIDR_EL1,
    "field with a function": VBAR[1],
    "control": SCTLR[1],
    "of EL0": TPIDR_EL0,
}
INSTRUCTIONS = {"dc cvac": DC_CVAC, "dc cvau": DC_CVAU, "dc ivac": DC_IVAC, "tlbi": TLBI_VMALLE1}


def registers(table: dict[str, SystemRegister]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("register", table.values(), ids=table)


@pytest.fixture
def machine(words: Machines) -> WordMachine:
    return words()


@registers(READABLE)
def test_a_read_gets_what_the_model_says(machine: WordMachine, register: SystemRegister) -> None:
    answers = iter((7, 1 << 63 | 5))
    machine.cpu.registers.on_read(register, lambda: next(answers))
    assert machine.execute(add(1, 1), mrs(register, 2), add(1, 1), mrs(register, 3)) == ()
    assert machine.x(1, 2, 3) == [2, 7, 1 << 63 | 5]


@registers(READABLE)
def test_a_read_that_the_model_leaves_gets_what_the_engine_says(
    words: Machines, register: SystemRegister
) -> None:
    plain, modelled = words(), words()
    asked: list[int] = []
    modelled.cpu.registers.on_read(register, lambda: asked.append(1))
    for machine in (plain, modelled):
        machine.execute(mrs(register, 2))
    assert modelled.x(2) == plain.x(2)
    assert asked == [1]


@registers(READABLE)
def test_the_model_itself_sees_what_the_engine_has(machine: WordMachine, register: SystemRegister) -> None:
    """A model that changes one field of a register asks for the rest when the program reads it."""
    machine.cpu.registers.on_read(register, lambda: machine.cpu.read_system(register) | 1 << 60)
    machine.execute(mrs(register, 2))
    own = machine.cpu.read_system(register)
    assert own < 1 << 60
    assert machine.x(2) == [own | 1 << 60]


@registers(WRITABLE)
@pytest.mark.parametrize("take", [True, False], ids=["taken", "left"])
def test_a_write_goes_to_the_model_first(machine: WordMachine, register: SystemRegister, take: bool) -> None:
    seen: list[int] = []
    machine.cpu.registers.on_write(register, lambda value: seen.append(value) or take)
    value = machine.cpu.read_system(register) ^ 0x1000  # a bit that each of them has
    machine.execute(mrs(register, 3), add(1, 1), msr(register, 2), add(1, 1), mrs(register, 4), x2=value)
    old, new = machine.x(3, 4)
    assert seen[-1] == value != old
    assert new == (old if take else value)
    assert machine.x(1) == [2]


@pytest.mark.parametrize("take", [True, False], ids=["taken", "left"])
@registers({"constant": AFSR0_EL1, "nothing": OSDLR_EL1})
def test_a_write_that_the_engine_ignores(machine: WordMachine, register: SystemRegister, take: bool) -> None:
    seen: list[int] = []
    machine.cpu.registers.on_write(register, lambda value: seen.append(value) or take)
    before = machine.x(*range(31))
    assert machine.execute(msr(register, 2), x2=9) == ()
    assert seen == [9]
    assert machine.x(*range(30)) == [9 if number == 2 else value for number, value in enumerate(before[:30])]


def test_a_constant_with_a_model_for_reads_ignores_writes(machine: WordMachine) -> None:
    machine.cpu.registers.on_read(AFSR0_EL1, lambda: 5)
    assert machine.execute(msr(AFSR0_EL1, 2), mrs(AFSR0_EL1, 3), x2=9) == ()
    assert machine.x(2, 3) == [9, 5]


@registers(INSTRUCTIONS)
@pytest.mark.parametrize("take", [True, False], ids=["taken", "left"])
def test_system_instructions(machine: WordMachine, register: SystemRegister, take: bool) -> None:
    seen: list[int] = []
    machine.cpu.registers.on_write(register, lambda value: seen.append(value) or take)
    program = (add(1, 1), msr(register, 2), add(1, 1), msr(register, XZR), add(1, 1))
    assert machine.execute(*program, x2=0x4000_0040) == ()
    assert seen == [0x4000_0040, 0]
    assert machine.x(1) == [3]


def test_one_model_for_reads_and_one_for_writes(machine: WordMachine) -> None:
    held = [1]
    machine.cpu.registers.on_read(TPIDR_EL1, lambda: held[-1])
    machine.cpu.registers.on_write(TPIDR_EL1, lambda value: held.append(value) or True)
    machine.execute(mrs(TPIDR_EL1, 1), msr(TPIDR_EL1, 2), mrs(TPIDR_EL1, 3), x2=8)
    assert machine.x(1, 3) == [1, 8]
    assert machine.cpu.read_system(TPIDR_EL1) == 0
    for again in (
        lambda: machine.cpu.registers.on_read(TPIDR_EL1, lambda: 0),
        lambda: machine.cpu.registers.on_write(TPIDR_EL1, lambda value: True),
    ):
        with pytest.raises(ValueError, match=r"^\(3, 0, 13, 0, 4\) has a model already$"):
            again()


def test_a_read_into_xzr_is_a_read(machine: WordMachine) -> None:
    asked: list[int] = []
    machine.cpu.registers.on_read(TPIDR_EL1, lambda: asked.append(1) or 5)
    machine.execute(mrs(TPIDR_EL1, XZR), mrs(TPIDR_EL1, 2))
    assert (len(asked), machine.x(2)) == (2, [5])


@pytest.mark.parametrize("register", [NEITHER, CURRENT_EL], ids=["no register", "no function"])
def test_the_table_knows_what_it_can_lead_to_a_model(register: SystemRegister) -> None:
    machine = WordMachine("fast")
    with pytest.raises(KeyError):
        machine.cpu.registers.on_read(register, lambda: 0)
    with pytest.raises(KeyError):
        machine.cpu.registers.on_write(register, lambda value: True)
    machine.close()


# --- who may -----------------------------------------------------------------


@registers({"identification": ID_AA64PFR0_EL1, "of EL1": TPIDR_EL1})
def test_an_access_that_traps_never_reaches_the_model(machine: WordMachine, register: SystemRegister) -> None:
    asked: list[int] = []
    machine.cpu.registers.on_read(register, lambda: asked.append(1) or 5)
    (taken,) = machine.execute(add(1, 1), mrs(register, 2), at=0)
    assert (taken.pc, asked) == (machine.code(1), [])
    assert machine.at_vector() == (1, 0x400)


@pytest.mark.parametrize("register", [DC_CVAC, DC_CVAU], ids=["dc cvac", "dc cvau"])
@pytest.mark.parametrize("allowed", [False, True], ids=["without UCI", "with UCI"])
def test_cache_maintenance_at_el0_needs_uci(
    machine: WordMachine, register: SystemRegister, allowed: bool
) -> None:
    seen: list[int] = []
    machine.cpu.registers.on_write(register, lambda value: seen.append(value) or False)
    taken = machine.execute(msr(register, 2), at=0, sctlr=UCI if allowed else 0, x2=64)
    assert seen == ([64] if allowed else [])
    assert [exception.esr >> 26 for exception in taken] == ([] if allowed else [TRAPPED])


def test_privileged_maintenance_is_undefined_at_el0(machine: WordMachine) -> None:
    seen: list[int] = []
    machine.cpu.registers.on_write(DC_IVAC, lambda value: seen.append(value) or False)
    (taken,) = machine.execute(msr(DC_IVAC, 2), at=0, sctlr=UCI)
    assert (taken.esr, seen) == (UNDEFINED, [])


# --- what goes wrong ---------------------------------------------------------


def raising(message: str) -> Callable[..., int]:
    def handler(*value: int) -> int:
        raise ZeroDivisionError(message)

    return handler


@pytest.mark.parametrize("access", ["read", "write", "instruction"])
def test_an_exception_of_a_model_comes_out_of_run_once(machine: WordMachine, access: str) -> None:
    table = machine.cpu.registers
    if access == "read":
        table.on_read(TPIDR_EL1, raising("broken"))
        program = mrs(TPIDR_EL1, 2)
    else:
        register = TPIDR_EL1 if access == "write" else DC_CVAC
        table.on_write(register, raising("broken"))
        program = msr(register, 2)
    machine.reset(add(1, 1), program, add(1, 1), *END, x2=7)
    with pytest.raises(ZeroDivisionError, match="^broken$"):
        machine.run()
    machine.run()
    assert machine.x(1) == [2]
    assert machine.x(2) == [0 if access == "read" else 7]
    assert machine.cpu.read_system(TPIDR_EL1) == 0
