"""GICv3: a recorded history gives what a model that nobody here wrote answered to it, step by step."""

from __future__ import annotations

from tests.devices.gicv3_bench import Bench
from tests.devices.gicv3_recorded import HISTORY

IDS = (0, 5, 27, 30, 33, 40, 41, 255)
TRIGGERS = {27: (1, 11, 8), 30: (1, 14, 8), 33: (0, 1, 4)}


def observed(bench: Bench) -> str:
    """The right side of a row."""
    line = "irq" if bench.irq else "fiq" if bench.fiq else "-"
    highest = [bench.read(f"HPPIR{group}_EL1") for group in range(2)]
    levels = [bench.read(f"AP{group}R0_EL1") for group in range(2)]
    pending, active = (
        bench.r(f"{name}0") | bench.d(name, 1) << 32 | bench.d(name, 7) << 224
        for name in ("ISPENDR", "ISACTIVER")
    )
    return (
        f"{line} {bench.running:x} {highest[0]} {highest[1]} "
        f"{levels[0]:x} {levels[1]:x} {pending:x} {active:x}"
    )


def test_every_step_of_the_history_is_answered_as_recorded() -> None:
    bench = Bench()
    for interrupt in IDS:
        bench.poke("ISENABLER", interrupt)
    bench.set_d("CTLR", 0x13)
    bench.set_r("WAKER", 0)
    bench.write("PMR_EL1", 0xF0)
    bench.write("IGRPEN0_EL1", 1)
    bench.write("IGRPEN1_EL1", 1)
    lines = {interrupt: bench.gic.input(specifier) for interrupt, specifier in TRIGGERS.items()}
    acknowledged = []
    for number, row in enumerate(HISTORY.strip().splitlines()):
        act, _, expected = row.partition(" | ")
        match act.split():
            case ["ack", group, "=", interrupt]:
                acknowledged.append(bench.ack(int(group)))
                assert acknowledged[-1] == int(interrupt), f"row {number}: {row}"
            case ["line", interrupt, level]:
                lines[int(interrupt)](level == "1")
            case [("pend" | "unpend") as name, interrupt]:
                bench.poke("ISPENDR" if name == "pend" else "ICPENDR", int(interrupt))
            case [("priority" | "group" | "edge") as name, interrupt, value]:
                {"priority": bench.priority, "group": bench.group, "edge": bench.edge}[name](
                    int(interrupt), int(value)
                )
            case [register, value]:
                bench.write(register, int(value))
            case _:
                raise AssertionError(f"row {number} is no act: {row}")
        assert observed(bench) == expected, f"row {number}: {row}"
    assert (len(acknowledged), len(set(acknowledged)), bench.log) == (24, 8, [])
