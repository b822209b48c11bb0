"""Standard input as a keyboard, with a pseudo-terminal, a pipe, and nothing."""

from __future__ import annotations

import io
import os
import pty
import select
import sys
import termios
from collections.abc import Iterator

import pytest

from soc.boot.keyboard import HELP, Keyboard, standard_input
from tests.boot.pseudo_terminals import waiting

SECOND = 1_000_000_000
INPUT, LOCAL = 0, 3
COOKED_INPUT = termios.ICRNL | termios.IXON
COOKED_LOCAL = termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN


@pytest.fixture
def line() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal: what a person types at, what the command reads."""
    person, terminal = pty.openpty()
    yield person, terminal
    for end in (person, terminal):
        try:
            os.close(end)
        except OSError:
            continue  # closed by the test


def typed(keyboard: Keyboard, line: tuple[int, int], data: bytes) -> bytes:
    """What the guest gets of `data`, once all of it has come down the line."""
    person, terminal = line
    os.write(person, data)
    while waiting(terminal) < len(data):
        select.select([terminal], [], [])
    return keyboard.read()


# --- a terminal -------------------------------------------------------------


def test_the_terminal_is_raw_meanwhile_and_as_before_after(line: tuple[int, int]) -> None:
    _, terminal = line
    before = termios.tcgetattr(terminal)
    assert before[INPUT] & termios.ICRNL and before[LOCAL] & COOKED_LOCAL == COOKED_LOCAL
    with pytest.raises(ZeroDivisionError), Keyboard(terminal) as keyboard:
        assert keyboard.terminal and keyboard.open and not keyboard.left
        raw = termios.tcgetattr(terminal)
        assert not raw[INPUT] & COOKED_INPUT and not raw[LOCAL] & COOKED_LOCAL
        assert raw[1] == before[1]  # newlines of ours are still shown as such
        raise ZeroDivisionError
    assert termios.tcgetattr(terminal) == before


@pytest.mark.parametrize("keys", [b"a", b"\r", b"\n", b"\x03", b"\x04\x1a\x1c\x13\x11\x16", b"\x7f\x1b[A"])
def test_keys_go_to_the_guest_as_they_are(line: tuple[int, int], keys: bytes) -> None:
    with Keyboard(line[1]) as keyboard:
        assert typed(keyboard, line, keys) == keys
        assert not keyboard.left


@pytest.mark.parametrize("keys", [b"\x01x", b"\x01X", b"ls\x01x"])
def test_control_a_x_leaves(line: tuple[int, int], keys: bytes) -> None:
    with Keyboard(line[1]) as keyboard:
        assert typed(keyboard, line, keys) == keys[:-2]
        assert keyboard.left


@pytest.mark.parametrize(("keys", "sent"), [(b"\x01\x01", b"\x01"), (b"\x01\x01x", b"\x01x")])
def test_control_a_twice_sends_it_once(line: tuple[int, int], keys: bytes, sent: bytes) -> None:
    with Keyboard(line[1]) as keyboard:
        assert typed(keyboard, line, keys) == sent
        assert not keyboard.left


def test_control_a_and_the_next_key_may_come_apart(line: tuple[int, int]) -> None:
    with Keyboard(line[1]) as keyboard:
        assert (typed(keyboard, line, b"\x01"), keyboard.left) == (b"", False)
        assert (typed(keyboard, line, b"x"), keyboard.left) == (b"", True)


def test_another_key_after_control_a_is_told_what_there_is(
    line: tuple[int, int], capfd: pytest.CaptureFixture[str]
) -> None:
    with Keyboard(line[1]) as keyboard:
        assert typed(keyboard, line, b"\x01?x") == b"x"
        assert not keyboard.left
    assert capfd.readouterr() == ("", HELP.decode())


@pytest.mark.parametrize("cut", [0, 1], ids=["the person's end", "the command's end"])
def test_a_line_that_is_cut_is_the_end_of_input(line: tuple[int, int], cut: int) -> None:
    with Keyboard(line[1 - cut]) as keyboard:
        os.close(line[cut])
        assert (keyboard.read(), keyboard.open) == (b"", False)
        assert keyboard.read() == b""


def test_nothing_typed_is_nothing_read(line: tuple[int, int]) -> None:
    with Keyboard(line[1]) as keyboard:
        assert (keyboard.read(), keyboard.open) == (b"", True)


# --- a pipe, and nothing ----------------------------------------------------


def test_a_pipe_is_typed_as_it_is_and_ends() -> None:
    reader, writer = os.pipe()
    with Keyboard(reader) as keyboard:
        assert (keyboard.terminal, keyboard.open, keyboard.read()) == (False, True, b"")
        os.write(writer, b"\x01x\x03")
        assert (keyboard.read(), keyboard.left) == (b"\x01x\x03", False)
        os.close(writer)
        assert keyboard.open
        assert (keyboard.read(), keyboard.open) == (b"", False)
    os.close(reader)


def test_without_standard_input_nobody_types() -> None:
    with Keyboard(None) as keyboard:
        assert (keyboard.terminal, keyboard.open, keyboard.read(), keyboard.left) == (
            False,
            False,
            b"",
            False,
        )


@pytest.mark.parametrize("stdin", [None, io.StringIO("text")], ids=["none", "one without a file"])
def test_standard_input_that_is_no_file(stdin: io.StringIO | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    assert standard_input() is None


def test_standard_input_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    monkeypatch.setattr(sys, "stdin", os.fdopen(reader))
    assert standard_input() == reader
    sys.stdin.close()
    assert standard_input() is None


# --- waiting ----------------------------------------------------------------


def test_waiting_ends_when_something_is_typed(line: tuple[int, int]) -> None:
    person, terminal = line
    with Keyboard(terminal) as keyboard:
        os.write(person, b"a")
        assert 0 < keyboard.wait(3600 * SECOND) < 3600 * SECOND
        assert keyboard.read() == b"a"


@pytest.mark.parametrize("end", [None, "terminal"])
def test_waiting_lasts_as_long_as_asked(line: tuple[int, int], end: str | None) -> None:
    with Keyboard(line[1] if end else None) as keyboard:
        assert keyboard.wait(1_000_000) >= 1_000_000
