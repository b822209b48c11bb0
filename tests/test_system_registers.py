"""Tables of system registers: their places, what a CPU gets of them, their pages and headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.regdoc import c_header, markdown
from soc.registers import Field, Register
from soc.system_registers import SystemRegisterTable, system_name, system_offset, system_register

MASK = Register(system_offset(3, 0, 4, 6, 0), "MASK_EL1", "rw", "Mask", (Field("Priority", 0, 8),), size=8)
NEXT = Register(system_offset(3, 0, 12, 12, 0), "NEXT_EL2", "ro", "Next", reset=1023, size=8)
END = Register(system_offset(3, 6, 12, 12, 1), "END_EL3", "wo", "End", size=8)
TABLE = SystemRegisterTable("tiny-cpu", "none", [END, NEXT, MASK])

numbers = st.tuples(*(st.integers(0, most) for most in (3, 7, 15, 15, 7)))


def test_the_place_is_that_of_the_instructions() -> None:
    """`mrs x0, icc_pmr_el1` is 0xd5384600, `msr icc_eoir1_el1, x0` 0xd518cc20."""
    assert 0xD520_0000 | system_offset(3, 0, 4, 6, 0) == 0xD538_4600
    assert 0xD500_0000 | system_offset(3, 0, 12, 12, 1) == 0xD518_CC20
    assert system_name(system_offset(3, 6, 12, 12, 7)) == "S3_6_C12_C12_7"


@given(numbers, numbers)
def test_places_lead_back_and_do_not_meet(one: tuple[int, ...], two: tuple[int, ...]) -> None:
    places = system_offset(*one), system_offset(*two)
    assert system_register(places[0]) == one
    assert one == two or abs(places[0] - places[1]) >= 32


def test_a_row_becomes_a_register_of_the_cpu() -> None:
    written: list[int] = []
    registers = TABLE.connect(
        {"MASK_EL1": lambda: 7, "NEXT_EL2": lambda: 1023},
        {"MASK_EL1": written.append, "END_EL3": written.append},
    )
    assert list(registers) == [(3, 0, 4, 6, 0), (3, 0, 12, 12, 0), (3, 6, 12, 12, 1)]
    mask, following, end = registers.values()
    assert [r.level for r in (mask, following, end)] == [1, 2, 3]
    assert (following.write, end.read) == (None, None)
    assert mask.read and mask.write and end.write and following.read
    mask.write(5)
    end.write(6)
    assert (written, mask.read(), following.read()) == ([5, 6], 7, 1023)


@pytest.mark.parametrize("missing", ["MASK_EL1", "END_EL3"])
def test_a_row_that_nobody_answers_for_is_refused(missing: str) -> None:
    writers = {name: lambda value: None for name in ("MASK_EL1", "END_EL3") if name != missing}
    with pytest.raises(KeyError, match=missing):
        TABLE.connect({"MASK_EL1": lambda: 0, "NEXT_EL2": lambda: 0}, writers)


def test_it_takes_no_address_space() -> None:
    assert TABLE.span == 0
    assert [register.name for register in TABLE.registers] == ["MASK_EL1", "NEXT_EL2", "END_EL3"]


def test_its_page_names_encodings() -> None:
    page = markdown(TABLE).splitlines()
    assert page[2:7] == [
        "Source: none. The registers lie in the CPU; an access they do not have is UNDEFINED.",
        "",
        "| Encoding | Register | Access | Reset | Description |",
        "|---|---|---|---|---|",
        "| `S3_0_C4_C6_0` | MASK_EL1 | rw | `0x0` | Mask |",
    ]
    assert "Mask (read and write)." in page


def test_its_header_says_what_the_numbers_are() -> None:
    header = c_header(TABLE).splitlines()
    assert header[2] == " * A system register is its place in the instructions MRS and MSR."
    assert ["#define", "TINY_CPU_MASK_EL1", "0x184600"] in [line.split()[:3] for line in header]
