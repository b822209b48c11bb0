"""What goes into the guest's UART and what comes out, by pipes, answers and files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.boot.programs import Programs
from tests.boot.running import ROOT, VIRT, boot, command

LONG = b"The five boxing wizards jump quickly\r\n" * 5 + b"."
"""Many times what a FIFO holds."""


@pytest.mark.parametrize("engine", ["fast", "portable"])
def test_standard_input_is_typed_as_fast_as_the_guest_takes_it(programs: Programs, engine: str) -> None:
    run = boot(VIRT, programs.file("echo"), "--engine", engine, typed=LONG)
    assert (run.status, run.console) == (0, LONG)


def test_input_behind_the_end_is_nobodys(programs: Programs) -> None:
    assert boot(VIRT, programs.file("echo"), typed=b"so. and more").console == b"so."


def test_input_that_ends_too_early_leaves_the_guest_waiting(programs: Programs) -> None:
    run = boot(VIRT, programs.file("echo"), "--max-time", 0.005, typed=b"no stop")
    assert (run.status, run.console) == (1, b"no stop")
    assert run.ending == "the guest did not power off in time"


@pytest.mark.parametrize("engine", ["fast", "portable"])
def test_answers_are_the_same_in_every_run(programs: Programs, engine: str) -> None:
    """They end in Enter; a reply longer than the FIFO arrives whole."""
    first = "0123456789" * 4
    answers = ["--answer", "? ", "r", "--answer", "? ", first]
    asked = boot(VIRT, programs.file("ask"), "--engine", engine, *answers, "--hash")
    again = boot(VIRT, programs.file("ask"), "--engine", engine, *answers, "--hash")
    assert (asked.status, asked.console, asked.digest) == (0, b"? ? ", again.digest)


def test_an_answer_goes_on_as_the_guest_echoes_it(programs: Programs) -> None:
    reply = "ab" * 20 + "ends here."
    run = boot(VIRT, programs.file("echo"), "--answer", "go", reply, typed=b"go")
    assert (run.status, run.console) == (0, b"go" + reply.encode())


def test_bytes_that_are_no_text_are_kept(programs: Programs) -> None:
    every = bytes(value for value in range(256) if value != ord("."))
    assert boot(VIRT, programs.file("echo"), typed=every + b".").console == every + b"."
    answer = ["--answer", "\udcff", "\udcfe."]  # as Python has bytes of a command line that are no UTF-8
    assert boot(VIRT, programs.file("echo"), *answer, typed=b"\xff").console == b"\xff\xfe."


def test_the_log_has_what_was_printed(programs: Programs, tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"of another run, and longer" * 1000)
    run = boot(VIRT, programs.file("echo"), "--log", log, typed=LONG)
    assert log.read_bytes() == run.console == LONG
    boot(VIRT, programs.file("off"), "--log", log)
    assert log.read_bytes() == b""


def test_a_reader_that_leaves_is_no_reason_to_stop(programs: Programs) -> None:
    process = subprocess.Popen(
        command(VIRT, programs.file("echo")),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    process.stdin.write(LONG)
    process.stdin.close()
    errors = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == 0
    assert errors.splitlines()[-1].startswith("soc: power off at ")
    assert "Traceback" not in errors


def test_a_log_that_finds_no_room_is_one_line(programs: Programs) -> None:
    run = subprocess.run(
        command(VIRT, programs.file("ask"), "--log", "/dev/full", "--answer", "? ", "o", "--quiet"),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr == b"soc: the operating system says: No space left on device\n"
