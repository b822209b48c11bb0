"""Sections are found by their headlines."""

from __future__ import annotations

import pytest

from tests.guests.sections import fact, section, sections

TEXT = """\
[    1.0] == not ours
init: hello from userspace
== drivers
9000000.pl011 uart-pl011
timer -
== echo
HELLO
init: there is no task x
not in a section
== echo
AGAIN
init: power off
[    2.0] reboot: Power down
"""


def test_a_section_ends_at_the_next_and_at_a_line_of_init() -> None:
    assert section(TEXT, "drivers") == ["9000000.pl011 uart-pl011", "timer -"]
    assert sections(TEXT, "echo") == [["HELLO"], ["AGAIN"]]


@pytest.mark.parametrize(("name", "count"), [("echo", 2), ("work", 0), ("not ours", 0)])
def test_one_section_is_one(name: str, count: int) -> None:
    with pytest.raises(LookupError, match=f"^{count} sections '{name}', not one, in:\n"):
        section(TEXT, name)


def test_a_fact_is_what_follows_its_name() -> None:
    lines = ["clock: 5 ns", "clocks: 6", "counter: 7: 8"]
    assert (fact(lines, "clock"), fact(lines, "counter")) == ("5 ns", "7: 8")
    with pytest.raises(ValueError, match="not enough values"):
        fact(lines, "time")
