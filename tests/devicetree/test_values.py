"""Words of a board file, and commas in names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.devicetree.scalars import read_scalar
from soc.devicetree.values import Number, Text
from soc.errors import Where

HERE = Where(Path("board.yaml"), 1)
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@given(st.integers(0, 2**64 - 1), st.sampled_from(sorted(UNITS)), st.sampled_from(["d", "#x", "_d", "#_x"]))
def test_numbers_mean_what_they_say(value, unit, form):
    text = f"{value:{form}}".replace("_d", "d") + unit
    number = read_scalar(text, None, True, HERE)
    assert number == Number(value * UNITS[unit], text, HERE)


@pytest.mark.parametrize(
    "text", ["64MB", "1.5M", "-1", "0x", "1:30", "2011-10-11", "1e3", "x10", "0b11", "12_"]
)
def test_other_words_are_strings(text):
    assert read_scalar(text, None, True, HERE) == Text(text, HERE)


@pytest.mark.parametrize("text", ["4K", "true", "yes", "010", ""])
def test_quotes_make_a_string(text):
    assert read_scalar(text, None, False, HERE) == Text(text, HERE)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("compatible: arm,pl011", ("arm,pl011",)),
        ("compatible: [arm,pl011, arm,primecell]", ("arm,pl011", "arm,primecell")),
        ("compatible: ['arm,pl011', \"arm,primecell\"]", ("arm,pl011", "arm,primecell")),
        ("compatible: [simple-bus, syscon]", ("simple-bus", "syscon")),
        ("compatible: [ti,2430,0x10]", ("ti,2430,0x10",)),
        ("compatible:\n- arm,pl011\n- arm,primecell", ("arm,pl011", "arm,primecell")),
    ],
)
def test_names_with_commas(load, text, names):
    assert load(text + "\n").root.compatible == names


def test_names_with_commas_in_flow_mappings(load):
    node = load("a: {compatible: arm,smmu-v3, x: 1, model: a,b,c}\n").root.children[0]
    assert node.compatible == ("arm,smmu-v3",)
    assert node.strings("model") == ("a,b,c",)
    assert node.number("x") == 1


def test_commas_elsewhere_separate(load):
    node = load("a: {x: [one,two,3,4]}\n").root
    assert str(node.children[0].properties["x"].value) == "['one', 'two', 3, 4]"


def test_comma_before_a_missing_value_with_a_space_is_an_error(complain):
    message = complain("a: {compatible: arm, smmu-v3, x: 1}\n")
    assert (
        message == "board.yaml:1: a value is missing: write true for an empty property, {} for an empty node"
    )
