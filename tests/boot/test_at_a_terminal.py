"""The command at a terminal: keys, leaving, interrupting; and the terminal as it was."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import termios
from collections.abc import Iterator

import pytest

from tests.boot.programs import Programs
from tests.boot.pseudo_terminals import waiting
from tests.boot.running import ROOT, VIRT, command

PATIENCE = 60


class Terminal:
    """`soc boot` with a pseudo-terminal as its standard input."""

    def __init__(self, *arguments: object) -> None:
        self.person, end = pty.openpty()
        self.before = termios.tcgetattr(end)
        self.end = end
        self.process = subprocess.Popen(
            command(VIRT, *arguments),
            bufsize=0,
            cwd=ROOT,
            stdin=end,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def hear(self, text: bytes) -> None:
        """Wait until the guest has said `text` and no more."""
        assert self.process.stdout
        assert b"".join(self.process.stdout.read(1) for _ in text) == text

    def type(self, keys: bytes) -> None:
        """Until the command has taken them."""
        os.write(self.person, keys)
        while waiting(self.end) and self.process.poll() is None:
            continue

    def finish(self) -> tuple[int, bytes, list[str]]:
        """Exit status, the rest of what the guest said, and what was said beside it."""
        printed, errors = self.process.communicate(timeout=PATIENCE)
        assert termios.tcgetattr(self.end) == self.before
        return self.process.returncode, printed, errors.decode().splitlines()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        for end in (self.person, self.end):
            os.close(end)


@pytest.fixture
def start(programs: Programs) -> Iterator[type[Terminal]]:
    terminals: list[Terminal] = []

    def at_a_terminal(name: str, *options: object) -> Terminal:
        terminals.append(Terminal(programs.file(name), *options))
        return terminals[-1]

    yield at_a_terminal
    for terminal in terminals:
        terminal.close()


@pytest.mark.parametrize(("name", "says"), [("ask", b"? "), ("doze", b"z")], ids=["busy", "asleep"])
def test_control_a_x_leaves_whatever_the_guest_does(start, name: str, says: bytes) -> None:
    terminal = start(name)
    terminal.hear(says)
    terminal.type(b"\x01x")
    status, printed, errors = terminal.finish()
    assert (status, printed) == (0, b"")
    [times] = re.findall(r"^soc: left by Ctrl-A X at (\S+) s of the machine, (\S+) s here$", errors[-1])
    machine, here = map(float, times)
    assert machine < here + 0.01  # a guest that sleeps does not get ahead of who sits there


def test_control_a_x_leaves_a_guest_that_takes_no_keys(start) -> None:
    terminal = start("doze")
    terminal.hear(b"z")
    terminal.type(b"more than its UART has room for" * 3)
    terminal.type(b"\x01x")
    status, printed, errors = terminal.finish()
    assert (status, printed) == (0, b"")
    assert errors[-1].startswith("soc: left by Ctrl-A X at ")


def test_keys_reach_the_guest_control_c_too(start) -> None:
    terminal = start("echo", "--quiet")
    for key in (b"a", b"\x03", b"\r", b"\x01\x01"):
        terminal.type(key)
        terminal.hear(key[:1])
    terminal.type(b".")
    assert terminal.finish() == (0, b".", [])


@pytest.mark.parametrize(("name", "says"), [("ask", b"? "), ("doze", b"z")], ids=["busy", "asleep"])
def test_a_signal_interrupts_whatever_the_guest_does(start, name: str, says: bytes) -> None:
    terminal = start(name, "--quiet")
    terminal.hear(says)
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.finish() == (130, b"", ["soc: interrupted"])


def test_bad_input_leaves_the_terminal_alone(start) -> None:
    terminal = start("off", "--el", 3)
    status, printed, errors = terminal.finish()
    assert (status, printed, len(errors)) == (2, b"", 1)


def test_reports_are_shown_on_a_terminal_in_order(start) -> None:
    terminal = start("hang", "--max-time", "0.001", "--quiet")
    status, printed, errors = terminal.finish()
    assert (status, printed) == (1, b"")
    assert [line.strip().split(" ")[0] for line in errors] == [
        "cpu:", "soc:", "pc", "level", "ESR", "last", "[", "[",
    ]  # fmt: skip
