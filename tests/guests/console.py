"""A program whose standard streams are a machine's console: what it printed, when, and what to answer."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 16
LAST_WORDS = 2000


class ConsoleTimeout(Exception):
    """The program did not end in time; its last lines."""


@dataclass(frozen=True)
class Line:
    """A line without its end, and the seconds from the program's start to its first character."""

    at: float
    text: str


@dataclass(frozen=True)
class Session:
    """A program that has ended."""

    lines: tuple[Line, ...]
    seconds: float
    status: int
    errors: str
    """What came on the standard error stream."""

    @property
    def text(self) -> str:
        return "".join(f"{line.text}\n" for line in self.lines)

    def at(self, text: str) -> float:
        """When the line that is `text` began. LookupError if there was none."""
        for line in self.lines:
            if line.text == text:
                return line.at
        raise LookupError(f"the console never said {text!r}:\n{self.text}")


def converse(
    command: Sequence[str | Path], timeout: float, answers: Sequence[tuple[str, str]] = ()
) -> Session:
    """Run to the end: when a prompt has been printed, its answer is typed, one after the other.

    ConsoleTimeout after `timeout` seconds.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        try:
            return _Conversation(process, start, list(answers)).run(timeout)
        finally:
            process.kill()


class _Conversation:
    def __init__(
        self, process: subprocess.Popen[bytes], start: float, answers: list[tuple[str, str]]
    ) -> None:
        self.process = process
        self.start = start
        self.answers = answers
        self.output = bytearray()
        self.errors = bytearray()
        self.heard = 0  # bytes of the output before which no prompt is looked for
        self.begun: list[float] = []  # when each line began

    def run(self, timeout: float) -> Session:
        assert self.process.stdout is not None and self.process.stderr is not None
        with selectors.DefaultSelector() as streams:
            streams.register(self.process.stdout, selectors.EVENT_READ, self._hear)
            streams.register(self.process.stderr, selectors.EVENT_READ, self.errors.extend)
            while streams.get_map():
                left = timeout - self._elapsed()
                if left <= 0:
                    raise ConsoleTimeout(f"no end after {timeout} s: ...{self._text()[-LAST_WORDS:]}")
                for key, _ in streams.select(left):
                    data = os.read(key.fd, CHUNK)
                    if data:
                        key.data(data)
                    else:
                        streams.unregister(key.fileobj)
        status = self.process.wait()
        lines = [Line(at, text) for at, text in zip(self.begun, self._text().split("\n"), strict=False)]
        return Session(tuple(lines), self._elapsed(), status, self.errors.decode(errors="replace"))

    def _hear(self, data: bytes) -> None:
        lines = data.count(b"\n") + (not self.output or self.output.endswith(b"\n")) - data.endswith(b"\n")
        self.begun += [self._elapsed()] * lines
        self.output += data
        while self.answers:
            prompt, answer = self.answers[0]
            found = self.output.find(prompt.encode(), self.heard)
            if found < 0:
                return
            self.heard = found + len(prompt.encode())
            del self.answers[0]
            assert self.process.stdin is not None
            self.process.stdin.write(answer.encode())
            self.process.stdin.flush()

    def _text(self) -> str:
        return self.output.decode(errors="replace").replace("\r", "")

    def _elapsed(self) -> float:
        return time.perf_counter() - self.start
