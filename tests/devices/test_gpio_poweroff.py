"""gpio-poweroff and gpio-restart: a pin ends the run."""

from __future__ import annotations

import pytest

from devices.gpio_poweroff.hardware import HOLD
from soc.errors import BadInput
from soc.processor import StopReason
from tests.devices.slot_bench import Bench

GPIO = """\
other: &other {compatible: 'vendor,gpio', '#gpio-cells': 2}
three: &three {compatible: 'vendor,gpio', '#gpio-cells': 3}
gpio@9030000: &gpio
  compatible: arm,pl061
  reg: [[0x9030000, 0x1000]]
  gpio-controller: true
  '#gpio-cells': 2
"""
PIN = 1 << 3
REASONS = {"gpio-poweroff": StopReason.POWER_OFF, "gpio-restart": StopReason.RESET}
pytestmark = pytest.mark.parametrize("kind", REASONS)


class Board(Bench):
    """A GPIO block, whose registers these are, and a node that watches pin 3 of it."""

    def __init__(self, kind: str, flags: int = 0) -> None:
        super().__init__(f"{GPIO}power: {{compatible: {kind}, gpios: [[*gpio, 3, {flags}]]}}")
        assert self.model.targets == ()
        self.model = self.models["/gpio@9030000"]

    def make_output(self, level: bool) -> None:
        """As gpio-pl061 does: the value goes in before and after the direction."""
        self.set(level)
        self.write("GPIODIR", PIN)
        self.set(level)

    def set(self, level: bool) -> None:
        self.write("GPIODATA", PIN if level else 0, PIN)


@pytest.mark.parametrize("active", [True, False], ids=["active high", "active low"])
def test_the_pin_ends_the_run_when_it_was_active_for_a_millisecond(kind: str, active: bool) -> None:
    board = Board(kind, flags=0 if active else 1)
    board.make_output(not active)
    board.run(10 * HOLD)
    assert (board.ended, board.log) == ([], [])
    board.set(active)
    board.run(HOLD - 1)
    assert board.ended == []
    board.set(active)
    board.run(1)
    assert board.ended == [REASONS[kind]]
    level = "high" if active else "low"
    assert board.log == [f"pin 3 of /gpio@9030000 is {level}: {REASONS[kind].value}"]


@pytest.mark.parametrize("active", [True, False], ids=["active high", "active low"])
def test_a_pin_that_is_active_for_less_does_not_end_the_run(kind: str, active: bool) -> None:
    board = Board(kind, flags=0 if active else 1)
    board.make_output(not active)
    for _ in range(5):
        board.set(active)
        board.run(HOLD - 1)
        board.set(not active)
        board.run(1)
    board.run(10 * HOLD)
    assert board.ended == []


def test_other_pins_and_inputs_do_not_end_the_run(kind: str) -> None:
    board = Board(kind)
    board.model.drive(3, True)
    board.write("GPIODATA", 0xFF, 0xFF)
    board.write("GPIODIR", 0xFF ^ PIN)
    board.write("GPIODATA", 0xFF, 0xFF)
    board.run(10 * HOLD)
    assert board.ended == []


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ("", "10: /power: it needs gpios, the pin it watches"),
        ("gpios: [[*gpio, 8, 0]]", "12: /power: a PL061 has pins 0..7, not 8"),
        (
            "gpios: [[*gpio, 3]]",
            "12: bad cell count: gpios of /power has 1 cell, #gpio-cells of /gpio@9030000 is 2",
        ),
        ("gpios: [[*other, 3, 0]]", "12: /power: /other is not a modelled GPIO block of two cells"),
        ("gpios: [[*three, 3, 0, 0]]", "12: /power: /three is not a modelled GPIO block of two cells"),
    ],
    ids=["no gpios", "no such pin", "cells", "no model", "another shape"],
)
def test_a_node_that_leads_to_no_pin_is_refused(kind: str, properties: str, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        Bench(f"{GPIO}power:\n  compatible: {kind}\n  {properties}\n")
    assert str(caught.value) == f"board.yaml:{problem}"
