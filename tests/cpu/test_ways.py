"""The fast ways: that they pass here, that they are refused where they do not, and what they count."""

from __future__ import annotations

from dataclasses import replace

import pytest

from soc.bus import Bus
from soc.clock import Clock
from soc.cpu import Cpu, selftest
from soc.cpu.budget import CallbackBudget
from soc.cpu.engine import Engine
from soc.cpu.native import RETURN, STUB, NativeBudget
from soc.cpu.scratch import CODE, Scratch, Word
from soc.cpu.selftest import Ways
from soc.cpu.wheel import pinned_wheel
from soc.errors import SocError
from soc.memory.dram import Bank, Dram
from tests.cpu.guest import BASE, GuestMachine

FAST = (
    "x86-64 counter in the block, engine's own exception entry, interrupt line, engine's own register table, "
    "code by physical line, exact pc of an access"
)
PORTABLE = (
    "block callback, exception entry by register writes, virtual interrupt, a callback for each MRS and MSR, "
    "code by virtual line, pc of an access to its block"
)
ALL = Ways(True, True, True, True, True, True, selftest.find_syndrome())
NONE = Ways(False, False, False, False, False, False, ALL.syndrome)


def test_self_test_passes_on_the_pinned_wheel() -> None:
    if not pinned_wheel():
        pytest.skip("not the wheel and machine the fast ways are for")
    assert selftest.ways() == ALL


def test_engine_says_in_one_line_what_was_chosen(machine: GuestMachine) -> None:
    assert machine.cpu.engine in (FAST, PORTABLE)


def core(engine: str) -> str:
    dram = Dram([Bank(BASE, 1 << 20)])
    try:
        return Cpu(Bus(dram), Clock(), lambda line: None, engine=engine).engine  # type: ignore[arg-type]
    finally:
        dram.banks[0].close()


def test_failed_self_test_means_the_portable_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soc.cpu.ways.ways", lambda: NONE)
    assert core("auto") == PORTABLE
    every = "budget, entry, line, registers, code, access_pc"
    with pytest.raises(SocError, match=f"^fast ways that do not work with this engine: {every}$"):
        core("fast")


def test_each_way_falls_back_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for way, fast, portable in zip(
        ("budget", "entry", "line", "registers", "code", "access_pc"),
        FAST.split(", "),
        PORTABLE.split(", "),
        strict=True,
    ):
        monkeypatch.setattr("soc.cpu.ways.ways", lambda way=way: replace(ALL, **{way: False}))
        assert core("auto") == FAST.replace(fast, portable)
        with pytest.raises(SocError, match=f"^fast ways that do not work with this engine: {way}$"):
            core("fast")


def test_unknown_counting_site_keeps_the_call_and_the_count() -> None:
    traces = []
    for break_it in (False, True):
        scratch = Scratch(Word.ADD_X1_1, Word.SUBS_X0_1, Word.LOOP_BACK_2, Word.WFI)
        budget = NativeBudget(scratch.engine)
        if break_it:
            budget._marker = b"another shape"
        scratch.engine.set_x(0, 100)
        budget.grant(100)
        scratch.engine.start(CODE)
        traces.append((scratch.engine.pc, budget.spent, budget.exhausted, scratch.engine.x(1)))
        expected = ("x86-64 block hook", 0) if break_it else ("x86-64 counter in the block", 1)
        assert (budget.name, budget.rewritten) == expected
    assert traces[0] == traces[1] == (CODE, 99, True, 33)


@pytest.mark.parametrize("kind", [NativeBudget, CallbackBudget])
def test_limits_and_cuts(kind: type[NativeBudget] | type[CallbackBudget]) -> None:
    budget = kind(Engine())
    budget.grant(100)
    budget.left -= 40
    assert budget.spent == 10
    budget.limit(50)
    assert (budget.spent, budget.granted, budget.left) == (10, 50, 160)
    budget.limit(80)
    assert budget.granted == 50
    budget.limit(5)
    assert (budget.spent, budget.granted, budget.left) == (10, 10, 0)
    budget.grant(7)
    budget.cut()
    assert (budget.spent, budget.granted, budget.left, budget.exhausted) == (0, 0, 0, False)


def test_stub_ends_in_the_return_that_rewriting_falls_back_to() -> None:
    assert len(STUB) == 30
    assert STUB[RETURN] == 0xC3
