"""The interrupt input by the engine's own line and by the virtual interrupt of EL2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from soc.cpu import StopReason, selftest
from tests.cpu.words import (
    HCR_EL2,
    HCR_IMO,
    HCR_RW,
    HERE,
    ISB,
    NOP,
    UNMASK_IRQ,
    WFI,
    Machines,
    WordMachine,
    add,
    mrs,
    msr,
)

I = 1 << 7  # noqa: E741 - its name in PSTATE
SCR_IRQ = 1 << 1
HCR_VI = 1 << 7
ISR_EL1 = (3, 0, 12, 1, 0)
FROM_SAME, FROM_LOWER = 0x280, 0x480
COUNT_DOWN_X0, BACK_IF_NOT_0 = 0xF100_0400, 0x54FF_FFE1
LOOP = (add(1, 1), 0x17FF_FFFF)
"""One instruction and back to it, for ever."""


def interrupt(machine: WordMachine, *words: int, up: bool = True, **options: int) -> tuple[int, int] | None:
    """Raise the line, run `words` for a while: the vector the core is at."""
    machine.reset(*words, **options)
    machine.cpu.set_irq(up)
    machine.run(1000)
    machine.cpu.set_irq(False)
    return machine.at_vector()


@pytest.mark.parametrize(("at", "vector"), [(1, (1, FROM_SAME)), (0, (1, FROM_LOWER))])
def test_an_unmasked_interrupt_is_taken_and_a_masked_one_is_not(
    words: Machines, at: int, vector: tuple[int, int]
) -> None:
    machine = words()
    assert interrupt(machine, *LOOP, at=at, pstate=I) == vector
    assert interrupt(machine, *LOOP, at=at) is None
    assert machine.cpu.x(1) > 400
    assert interrupt(machine, *LOOP, at=at, pstate=I, up=False) is None


def test_it_is_taken_at_the_instruction_that_unmasks_it(words: Machines) -> None:
    machine = words()
    assert interrupt(machine, add(1, 1), UNMASK_IRQ, add(1, 1), *LOOP) == (1, FROM_SAME)
    assert machine.x(1) == [1]
    assert machine.cpu.read_system((3, 0, 4, 0, 1)) == machine.code(2)


def test_it_is_taken_at_the_return_that_unmasks_it(words: Machines) -> None:
    machine = words()
    assert interrupt(machine, NOP, NOP, at=0, pstate=I) == (1, FROM_LOWER)
    assert machine.cpu.read_system((3, 0, 4, 0, 1)) == machine.code(0)


def test_a_line_that_fell_before_it_was_unmasked_leaves_nothing(words: Machines) -> None:
    machine = words()
    machine.reset(COUNT_DOWN_X0, BACK_IF_NOT_0, UNMASK_IRQ, *LOOP, x0=200)
    machine.cpu.set_irq(True)
    machine.run(200)
    assert machine.cpu.x(0) > 0
    machine.cpu.set_irq(False)
    machine.run(400)
    assert machine.at_vector() is None
    assert machine.cpu.x(1) > 50


def test_the_line_is_held_through_a_reset(words: Machines) -> None:
    machine = words()
    machine.cpu.set_irq(True)
    machine.reset(UNMASK_IRQ, *LOOP)
    machine.run(100)
    assert machine.at_vector() == (1, FROM_SAME)


@pytest.mark.parametrize("masked", [True, False])
def test_wfi_ends_with_the_line(words: Machines, masked: bool) -> None:
    machine = words()
    machine.reset(NOP if masked else UNMASK_IRQ, WFI, add(1, 1), WFI, HERE)
    assert machine.run() is StopReason.WFI
    before = machine.clock.now
    assert machine.run() is StopReason.WFI
    assert (machine.clock.now, machine.x(1)) == (before, [0])
    machine.cpu.set_irq(True)
    machine.run(50)
    assert (machine.x(1), machine.at_vector()) == (([1], None) if masked else ([0], (1, FROM_SAME)))


def test_the_pending_interrupt_shows_in_isr(words: Machines) -> None:
    machine = words()
    machine.reset(mrs(ISR_EL1, 1), WFI, mrs(ISR_EL1, 2), WFI, HERE)
    machine.run()
    machine.cpu.set_irq(True)
    machine.run(50)
    assert machine.x(1, 2) == [0, 1 << 7]


def test_a_program_at_el2_keeps_what_it_writes_to_hcr(words: Machines) -> None:
    """The portable way has a bit of its own in there."""
    machine = words(2)
    wanted = HCR_RW | 1 << 27  # TGE
    machine.reset(mrs(HCR_EL2, 5), msr(HCR_EL2, 2), mrs(HCR_EL2, 3), WFI, mrs(HCR_EL2, 4), *LOOP, x2=wanted)
    machine.run()
    machine.cpu.set_irq(True)
    machine.run(100)
    assert machine.x(5, 3, 4) == [HCR_RW, wanted, wanted]


def test_a_virtual_interrupt_of_the_program_s_own_is_taken(words: Machines) -> None:
    machine = words(2)
    assert interrupt(machine, *LOOP, at=1, hcr=HCR_IMO | HCR_VI, pstate=I, up=False) == (1, FROM_SAME)
    assert interrupt(machine, *LOOP, at=1, hcr=HCR_IMO, pstate=I, up=False) is None


def test_an_interrupt_that_is_not_routed_to_el2_waits_for_el1(words: Machines) -> None:
    machine = words(2)
    assert interrupt(machine, *LOOP, at=2, pstate=I) is None
    assert interrupt(machine, *LOOP, at=1, pstate=I) == (1, FROM_SAME)
    assert interrupt(machine, *LOOP, at=0, pstate=I) == (1, FROM_LOWER)


ROUTED = [
    pytest.param(2, {"at": 2, "hcr": HCR_IMO, "pstate": I}, (2, FROM_SAME), None, id="EL2 to EL2"),
    pytest.param(2, {"at": 2, "hcr": HCR_IMO}, None, None, id="masked at EL2"),
    pytest.param(2, {"at": 1, "hcr": HCR_IMO}, (2, FROM_LOWER), None, id="EL1 to EL2, which cannot mask it"),
    pytest.param(2, {"at": 0, "hcr": HCR_IMO}, (2, FROM_LOWER), None, id="EL0 to EL2"),
    pytest.param(3, {"at": 3, "scr": SCR_IRQ, "pstate": I}, (3, FROM_SAME), None, id="EL3 to EL3"),
    pytest.param(3, {"at": 1, "scr": SCR_IRQ}, (3, FROM_LOWER), None, id="EL1 to EL3"),
    pytest.param(3, {"at": 3, "hcr": HCR_IMO, "pstate": I}, None, None, id="waits at EL3 for EL2"),
]


@pytest.mark.parametrize(("level", "options", "fast", "portable"), ROUTED)
def test_interrupts_routed_to_el2_and_el3(
    words: Machines, level: int, options: dict[str, int], fast: tuple[int, int] | None, portable: None
) -> None:
    """Only the engine's own line goes there: the portable way needs a program that takes them at EL1."""
    machine = words(level)
    own_line = "interrupt line" in machine.cpu.engine
    assert interrupt(machine, *LOOP, **options) == (fast if own_line else portable)


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> Iterator[WordMachine]:
    """The portable line with the engine's own register table, and everything else fast."""
    monkeypatch.setattr("soc.cpu.ways.ways", lambda: replace(selftest.ways(), line=False))
    machine = WordMachine("auto", 2)
    yield machine
    machine.close()


def test_the_portable_line_beside_the_register_table(mixed: WordMachine) -> None:
    assert "virtual interrupt, engine's own register table" in mixed.cpu.engine
    mixed.reset(msr(HCR_EL2, 2), mrs(HCR_EL2, 3), ISB, WFI, mrs(HCR_EL2, 4), *LOOP, x2=HCR_RW | 8)
    mixed.run()
    mixed.cpu.set_irq(True)
    mixed.run(100)
    assert mixed.x(3, 4) == [HCR_RW | 8, HCR_RW | 8]
    assert interrupt(mixed, *LOOP, at=1, pstate=I) == (1, FROM_SAME)
