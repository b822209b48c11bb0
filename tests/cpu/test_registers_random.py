"""Any models behind any registers, any program of MRS and MSR at any level: both ways do the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.cpu.ways import Choice
from soc.registers import CpuRegister, SystemRegister
from tests.conftest import CountFuzz
from tests.cpu.words import WordMachine, mrs, msr, skip

CNTKCTL_EL1, CNTHCTL_EL2 = (3, 0, 14, 1, 0), (3, 4, 14, 1, 0)
GATES = [value | timers for value in range(4) for timers in (0, 1 << 8, 1 << 9, 3 << 8)]
UCI = 1 << 26

ENGINE_S: dict[str, SystemRegister] = {
    "TPIDR_EL0": (3, 3, 13, 0, 2),
    "TPIDR_EL1": (3, 0, 13, 0, 4),
    "TPIDR_EL2": (3, 4, 13, 0, 2),
    "TPIDR_EL3": (3, 6, 13, 0, 2),
    "CONTEXTIDR_EL1": (3, 0, 13, 0, 1),
    "AFSR0_EL1": (3, 0, 5, 1, 0),
    "MAIR_EL1": (3, 0, 10, 2, 0),
    "DC CVAC": (1, 3, 7, 10, 1),
    "DC IVAC": (1, 0, 7, 6, 1),
}
"""Registers of the engine that may be replaced."""
READ_ONLY: dict[str, SystemRegister] = {"MPIDR_EL1": (3, 0, 0, 0, 5), "ID_AA64ISAR0_EL1": (3, 0, 0, 6, 0)}
NEW: dict[str, SystemRegister] = {
    "ICC_IAR1_EL1": (3, 0, 12, 12, 0),
    "ICC_SRE_EL2": (3, 4, 12, 9, 5),
    "ICC_SRE_EL3": (3, 6, 12, 12, 5),
    "S3_3_C11_C15_0": (3, 3, 11, 15, 0),
}
"""Registers that the engine does not have."""
TIMERS: dict[str, SystemRegister] = {
    f"timer {op1}.{crm}.{op2}": (3, op1, 14, crm, op2)
    for op1, crm in ((3, 2), (3, 3), (4, 2), (7, 2))
    for op2 in (1, 2)
}
"""Control and compare value: the rest counts time."""
ALL = ENGINE_S | READ_ONLY | NEW | TIMERS | {"CNTFRQ_EL0": (3, 3, 14, 0, 0), "CNTVOFF_EL2": (3, 4, 14, 0, 3)}

VALUES = st.integers(0, (1 << 64) - 1)


Log = list[tuple[str, int | None]]
"""What models were asked and, with the value, told."""


@dataclass(frozen=True)
class Model:
    """What a model answers and whether it takes what is written; its register's level if that is new."""

    answer: int | None
    takes: bool
    level: int
    read_only: bool

    def read(self, name: str, log: Log) -> int | None:
        log.append((name, None))
        return self.answer

    def write(self, name: str, log: Log, value: int) -> bool:
        log.append((name, value))
        return self.takes

    def put(self, name: str, machine: WordMachine, log: Log) -> None:
        """Behind the register `name` of `machine`."""
        registers = machine.cpu.registers
        write = partial(self.write, name, log)
        if name in NEW:
            new = CpuRegister(
                name, lambda: self.read(name, log) or 0, None if self.read_only else write, self.level
            )
            registers.define(NEW[name], new)
        else:
            registers.on_read(ALL[name], partial(self.read, name, log))
            if name in ENGINE_S:
                registers.on_write(ALL[name], write)


MODELS = st.builds(Model, st.none() | VALUES, st.booleans(), st.integers(0, 3), st.booleans())
REPLACED_OR_NEW = st.sampled_from(sorted(ENGINE_S | READ_ONLY | NEW))
STEPS = st.tuples(st.booleans(), st.sampled_from(sorted(ALL)), st.integers(0, 15))


def build(engine: Choice, level: int, models: dict[str, Model], log: Log) -> WordMachine:
    """A core with these models; instructions that trap are skipped."""
    machine = WordMachine(engine, level)
    for name, model in models.items():
        model.put(name, machine, log)
    for owned in range(1, level + 1):
        for offset in (0x200, 0x400):
            machine.put(machine.vector(owned, offset), *skip(owned))
    return machine


@settings(max_examples=120)
@given(
    models=st.dictionaries(REPLACED_OR_NEW, MODELS, min_size=3, max_size=12),
    steps=st.lists(STEPS, min_size=20, max_size=60),
    values=st.lists(VALUES, min_size=16, max_size=16),
    owned=st.integers(1, 3),
    below=st.integers(0, 3),
    gates=st.sampled_from(GATES),
    hypervisor_gates=st.integers(0, 3),
    sctlr=st.sampled_from([0, UCI]),
)
def test_both_ways_do_the_same(
    count_fuzz: CountFuzz,
    models: dict[str, Model],
    steps: list[tuple[bool, str, int]],
    values: list[int],
    owned: int,
    below: int,
    gates: int,
    hypervisor_gates: int,
    sctlr: int,
) -> None:
    at = max(owned - below, 0)
    program = [mrs(ALL[name], x) if read else msr(ALL[name], x) for read, name, x in steps]
    outcomes = []
    for engine in ("fast", "portable"):
        log: Log = []
        machine = build(engine, owned, models, log)
        controls = {CNTKCTL_EL1: gates}
        if owned >= 2:
            controls[CNTHCTL_EL2] = hypervisor_gates
        taken = machine.execute(
            *program,
            at=at,
            sctlr=sctlr,
            controls=controls,
            **{f"x{n}": value for n, value in enumerate(values)},
        )
        outcomes.append(
            {
                "asked": log,
                "registers": machine.x(*range(16)),
                "traps": [(exception.pc, exception.esr) for exception in taken],
                "kept": [machine.cpu._core.read_system(ALL[name]) for name in ENGINE_S if "DC" not in name],
                "lines": [line.level for line in machine.cpu.timer.lines],
                "compare": [(channel.control, channel.compare) for channel in machine.cpu.timer.channels],
            }
        )
        machine.close()
    assert outcomes[0] == outcomes[1]
    count_fuzz("system registers", accesses=len(steps), answers=len(log))


def test_the_comparison_sees_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """A portable way that does not ask who may hears of an instruction that traps."""
    monkeypatch.setattr("soc.cpu.access.AccessRules.allow", lambda self, register: True)
    logs: list[Log] = []
    for engine in ("fast", "portable"):
        logs.append([])
        machine = build(engine, 1, {"DC CVAC": Model(None, False, 1, False)}, logs[-1])
        machine.execute(msr(ALL["DC CVAC"], 1), at=0)
        machine.close()
    assert logs == [[], [("DC CVAC", 0)]]
