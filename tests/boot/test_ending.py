"""The report on a guest that did not end well, line by line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from soc.boot.assemble import Booted
from soc.boot.ending import CLASSES, report
from soc.cpu.exceptions import Taken
from soc.cpu.symbols import Symbol, SymbolTable

NAMES = SymbolTable([Symbol(0x4000_0000, "main", 0x100), Symbol(0xFFFF_8000_0801_0000, "el1h_64_sync", 8)])
NOTHING = SymbolTable([])
IL = 1 << 25
NAMED = [
    (0x00, "unknown reason"),
    (0x07, "access to SIMD or floating point"),
    (0x0E, "illegal execution state"),
    (0x15, "SVC"),
    (0x16, "HVC"),
    (0x17, "SMC"),
    (0x18, "system register access"),
    (0x20, "instruction abort from a lower level"),
    (0x21, "instruction abort"),
    (0x22, "misaligned PC"),
    (0x24, "data abort from a lower level"),
    (0x25, "data abort"),
    (0x26, "misaligned SP"),
    (0x3C, "BRK"),
]
OTHERS = [(0x2F, "exception class 0x2f"), (0x3F, "exception class 0x3f")]


def lines(
    pc: int = 0,
    level: int = 1,
    syndrome: int = 0,
    taken: tuple[Taken, ...] = (),
    names: SymbolTable = NOTHING,
) -> list[str]:
    cpu = SimpleNamespace(pc=pc, exception_level=level, syndrome=syndrome, exceptions=taken)
    return list(report(cast(Booted, SimpleNamespace(guest=SimpleNamespace(cpu=cpu))), names))


def esr(exception_class: int, details: int = 0) -> int:
    return exception_class << 26 | IL | details


def test_the_whole_report() -> None:
    taken = (
        Taken(1_234_567_890, 0x4000_0010, esr(0x25, 0x45), 0xDEAD_0000),
        Taken(2_000_000_000, 0xFFFF_8000_0801_0000, esr(0x3C, 7), 0xDEAD_0000),
    )
    assert lines(0x4000_001C, 2, esr(0x3C, 7), taken, NAMES) == [
        "  pc       0x000000004000001c main+0x1c",
        "  level    EL2",
        "  ESR      0xf2000007  BRK",
        "  last exceptions",
        "    [    1.234568] 0x0000000040000010 main+0x10: data abort, ESR 0x96000045, FAR 0xdead0000",
        "    [    2.000000] 0xffff800008010000 el1h_64_sync: BRK, ESR 0xf2000007",
    ]


def test_a_core_that_took_no_exception() -> None:
    assert lines(0x200, 0) == [
        "  pc       0x0000000000000200",
        "  level    EL0",
        "  ESR      0x00000000  none",
    ]


def test_only_a_symbol_that_holds_the_pc_is_named() -> None:
    assert lines(0x4000_0100, names=NAMES)[0] == "  pc       0x0000000040000100"


def test_every_class_that_has_a_name_is_here() -> None:
    assert dict(NAMED) == CLASSES


@pytest.mark.parametrize(("number", "name"), NAMED + OTHERS)
def test_classes_of_exceptions(number: int, name: str) -> None:
    assert lines(syndrome=esr(number))[2] == f"  ESR      {esr(number):#010x}  {name}"
    assert f": {name}, ESR {esr(number):#010x}" in lines(taken=(Taken(0, 0, esr(number), 0),))[-1]


@pytest.mark.parametrize(
    ("syndrome", "shown"),
    [
        (esr(0x20, 0x04), True),
        (esr(0x21, 0x04), True),
        (esr(0x22), True),
        (esr(0x24, 0x07), True),
        (esr(0x25, 0x07), True),
        (esr(0x25, 0x410), False),
        (esr(0x21, 0x410), False),
        (esr(0x00), False),
        (esr(0x18, 0x400), False),
        (esr(0x3C), False),
    ],
)
def test_a_fault_address_is_shown_where_there_is_one(syndrome: int, shown: bool) -> None:
    """FnV, bit 10 of an abort's syndrome, says that there is none."""
    line = lines(taken=(Taken(0, 0x80, syndrome, 0x1234),))[-1]
    assert line.endswith(", FAR 0x1234") == shown
