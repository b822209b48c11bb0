"""The console, with small Python programs at the other end."""

from __future__ import annotations

import sys

import pytest

from tests.guests.console import ConsoleTimeout, Session, converse

SECONDS = 60


def python(program: str, *answers: tuple[str, str]) -> Session:
    return converse([sys.executable, "-u", "-c", program], SECONDS, answers)


def test_lines_status_and_errors_are_kept() -> None:
    session = python("import sys; print('one\\r\\ntwo'); sys.stderr.write('bad'); sys.exit(3)")
    assert session.text.splitlines() == ["one", "two"]
    assert (session.status, session.errors) == (3, "bad")


def test_answers_follow_their_prompts_in_turn() -> None:
    program = "print(input('name? ').upper()); print(input('name? ') + '!')"
    session = python(program, ("name? ", "ada\n"), ("name? ", "bob\n"))
    assert session.text.splitlines() == ["name? ADA", "name? bob!"]


def test_one_prompt_is_answered_once() -> None:
    program = "import sys; print('? '); print('? '); print(len(sys.stdin.readline()))"
    session = python(program, ("? ", "x\n"))
    assert session.text.splitlines()[-1] == "2"


def test_a_line_is_timed_by_its_first_character() -> None:
    """The prompt's line begins before the answer, the next one after it."""
    program = "print('start'); input('prompt '); [None for _ in range(10**6)]; print('end')"
    session = python(program, ("prompt ", "\n"))
    assert 0 < session.at("start") <= session.at("prompt end") < session.seconds
    session = python(
        "input('prompt '); print(); [None for _ in range(10**6)]; print('end')", ("prompt ", "\n")
    )
    assert session.at("prompt ") < session.at("end")


def test_text_that_never_came_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="never said 'two':\none"):
        python("print('one')").at("two")


def test_silence_ends_with_the_last_words() -> None:
    with pytest.raises(ConsoleTimeout, match=r"no end after 2 s: \.\.\.still here"):
        converse(["sh", "-c", "echo still here; cat"], timeout=2)
