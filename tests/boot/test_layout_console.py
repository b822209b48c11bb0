"""Which UART is the terminal, and one line when there is none."""

from __future__ import annotations

import pytest

from soc.boot.console import console_node
from soc.errors import BadInput
from tests.boot.boards import board

TWO = """\
serial@9000000: &first {compatible: "arm,pl011", reg: [[0x9000000, 0x1000]]}
serial@9001000: &second {compatible: ["vendor,uart", "arm,pl011"], reg: [[0x9001000, 0x1000]]}
serial@9002000: &off {compatible: "arm,pl011", reg: [[0x9002000, 0x1000]], status: disabled}
rtc@9010000: &rtc {compatible: ["arm,pl031", "arm,primecell"], reg: [[0x9010000, 0x1000]]}
bare@9020000: &bare {reg: [[0x9020000, 0x1000]]}
"""


def stdout(target: str) -> str:
    return f'chosen: {{stdout-path: "{target}"}}\n'


@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        ("", "serial@9000000"),
        (stdout("/serial@9001000"), "serial@9001000"),
        (stdout("&second"), "serial@9001000"),
        ('aliases: {serial0: "&second"}\n' + stdout("serial0:115200n8"), "serial@9001000"),
    ],
    ids=["the first", "a path", "a phandle", "an alias with options"],
)
def test_the_console(chosen: str, name: str) -> None:
    assert console_node(board(more=TWO + chosen)).name == name


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            "",
            "board.yaml:1: the board has no UART (arm,pl011), so nothing could be seen of what it boots: "
            "give it one",
        ),
        (
            TWO.splitlines()[2],
            "board.yaml:1: the board has no UART (arm,pl011), so nothing could be seen of what it boots: "
            "give it one",
        ),
        (
            TWO + stdout("&rtc"),
            "board.yaml:7: the console of stdout-path, /rtc@9010000, must be an enabled arm,pl011, "
            "and is arm,pl031, arm,primecell",
        ),
        (
            TWO + stdout("&off"),
            "board.yaml:6: the console of stdout-path, /serial@9002000, must be an enabled arm,pl011, "
            "and is disabled",
        ),
        (
            TWO + stdout("&bare"),
            "board.yaml:8: the console of stdout-path, /bare@9020000, must be an enabled arm,pl011, "
            "and is compatible with nothing",
        ),
    ],
    ids=["none", "none enabled", "no UART", "disabled", "no compatible"],
)
def test_a_board_without_a_console(more: str, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        console_node(board(more=more))
    assert str(caught.value) == problem
