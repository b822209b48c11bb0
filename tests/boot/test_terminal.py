"""The console's other end: what is shown when, what is typed when, and answers to prompts."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.boot.request import Answer
from soc.boot.terminal import REMEMBERED, Terminal

VERSION, POWEROFF = Answer(b"=> ", b"version"), Answer(b"=> ", b"poweroff")


class Uart:
    """Has `room` for characters until the guest takes them; `say` is the guest."""

    def __init__(self, room: int = 1000) -> None:
        self.on_output: Callable[[bytes], None] | None = None
        self.room = room
        self.received = b""

    def receive(self, data: bytes) -> None:
        assert 0 < len(data) <= self.room
        self.room -= len(data)
        self.received += data

    def say(self, data: bytes) -> None:
        assert self.on_output is not None
        self.on_output(data)


class Shown:
    """A terminal at a UART, and what it showed, in pieces."""

    def __init__(self, *answers: Answer, room: int = 1000) -> None:
        self.pieces: list[bytes] = []
        self.log = io.BytesIO()
        self.uart = Uart(room)
        self.terminal = Terminal(self.pieces.append, answers, self.log)
        self.terminal.connect(self.uart)


# --- output -----------------------------------------------------------------


def test_output_is_shown_by_the_line() -> None:
    shown = Shown()
    for character in b"one\r\ntwo":
        shown.uart.say(bytes([character]))
    assert shown.pieces == [b"one\r\n"]
    shown.terminal.flush()
    shown.terminal.flush()
    assert shown.pieces == [b"one\r\n", b"two"]
    assert shown.log.getvalue() == b"one\r\ntwo"


def test_without_a_log_none_is_kept() -> None:
    pieces: list[bytes] = []
    uart = Uart()
    Terminal(pieces.append).connect(uart)
    uart.say(b"line\n")
    assert pieces == [b"line\n"]


def test_a_machine_that_starts_again_has_the_same_terminal() -> None:
    shown = Shown(VERSION, POWEROFF)
    shown.uart.say(b"=> ")
    second = Uart()
    shown.terminal.connect(second)
    second.say(b"=> ")
    shown.terminal.flush()
    assert (shown.uart.received, second.received) == (b"version\r", b"poweroff\r")
    assert b"".join(shown.pieces) == b"=> => "


def test_what_was_printed_last_is_remembered() -> None:
    shown = Shown()
    shown.uart.say(b"first" + bytes(REMEMBERED - 4))
    assert shown.terminal.recent == b"irst" + bytes(REMEMBERED - 4)


# --- input ------------------------------------------------------------------


def test_what_is_typed_waits_for_room() -> None:
    shown = Shown(room=0)
    shown.terminal.type(b"hello")
    assert shown.uart.received == b""
    shown.uart.room = 2
    shown.terminal.feed()
    shown.terminal.type(b" world")
    assert shown.uart.received == b"he"
    shown.uart.room = 100
    shown.terminal.feed()
    shown.terminal.feed()
    assert shown.uart.received == b"hello world"


def test_an_echo_makes_room_for_the_next_character() -> None:
    shown = Shown(room=1)
    shown.terminal.type(b"abc")
    for character in b"ab":
        shown.uart.room = 1
        shown.uart.say(bytes([character]))
    assert shown.uart.received == b"abc"


def test_what_is_typed_before_there_is_a_machine_is_kept() -> None:
    terminal, uart = Terminal(lambda data: None), Uart()
    terminal.type(b"early")
    terminal.connect(uart)
    terminal.feed()
    assert uart.received == b"early"


# --- answers ----------------------------------------------------------------


def test_answers_come_in_order_each_once() -> None:
    shown = Shown(VERSION, POWEROFF)
    shown.uart.say(b"boot\r\n=>")
    assert (shown.uart.received, shown.terminal.unanswered) == (b"", (VERSION, POWEROFF))
    shown.uart.say(b" ")
    assert (shown.uart.received, shown.terminal.unanswered) == (b"version\r", (POWEROFF,))
    shown.uart.say(b"version\r\n2026\r\n")
    assert shown.uart.received == b"version\r"
    shown.uart.say(b"=> ")
    shown.uart.say(b"=> ")
    assert (shown.uart.received, shown.terminal.unanswered) == (b"version\rpoweroff\r", ())


def test_a_later_prompt_waits_for_the_one_before() -> None:
    shown = Shown(Answer(b"login: ", b"root"), Answer(b"# ", b"ls"))
    shown.uart.say(b"# ")
    assert shown.uart.received == b""
    shown.uart.say(b"login: ")
    assert shown.uart.received == b"root\r"


def test_one_prompt_does_not_answer_twice() -> None:
    shown = Shown(Answer(b"ab", b"1"), Answer(b"b", b"2"))
    shown.uart.say(b"ab")
    assert shown.uart.received == b"1\r"


def test_an_answer_waits_for_room_as_keys_do() -> None:
    shown = Shown(VERSION, room=3)
    shown.uart.say(b"=> ")
    assert shown.uart.received == b"ver"


@given(st.lists(st.sampled_from([b"=> ", b"=", b"> ", b"x\n", b"\r\n", b"=> => "]), max_size=20), st.data())
def test_how_output_is_cut_in_pieces_makes_no_difference(words: list[bytes], data: st.DataObject) -> None:
    text = b"".join(words)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    whole, cut = (Shown(VERSION, POWEROFF, VERSION) for _ in range(2))
    for shown, edges in ((whole, [0, len(text)]), (cut, sorted([0, *cuts, len(text)]))):
        for start, end in zip(edges, edges[1:], strict=False):
            shown.uart.say(text[start:end])
        shown.terminal.flush()
        assert b"".join(shown.pieces) == shown.log.getvalue() == text
    assert whole.uart.received == cut.uart.received
    assert whole.terminal.unanswered == cut.terminal.unanswered
    assert len(whole.terminal.unanswered) == max(0, 3 - text.count(b"=> "))


@pytest.mark.parametrize("rest", [b"", b"more\n"])
def test_no_output_no_piece(rest: bytes) -> None:
    shown = Shown()
    shown.uart.say(rest)
    shown.terminal.flush()
    assert shown.pieces == ([rest] if rest else [])
