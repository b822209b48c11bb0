"""`soc boot` in this process: how it ended, what the guest printed, what was said beside that."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from soc.cli import main

ROOT = Path(__file__).parents[2]
VIRT = ROOT / "configs/boards/virt.yaml"
VIRT_GICV3 = ROOT / "configs/boards/virt-gicv3.yaml"
DIGEST = "soc: DRAM "


@dataclass(frozen=True)
class Run:
    """`console` as it came down the line, `notes` what was on standard error."""

    status: int
    console: bytes
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The console with its lines ended as here."""
        return self.console.decode(errors="replace").replace("\r", "")

    @property
    def remarks(self) -> list[str]:
        """What the hardware had to say; a line of the table of nodes begins with a path."""
        said = self.notes[: self._end]
        return [note.strip() for note in said if note.startswith("  ") and not note.startswith("  /")]

    @property
    def digest(self) -> str:
        """Of all DRAM, with --hash."""
        [found] = [note.removeprefix(DIGEST) for note in self.notes if note.startswith(DIGEST)]
        return found

    @property
    def report(self) -> list[str]:
        """The lines behind the one that says how it ended."""
        return [note for note in self.notes[self._end + 1 :] if not note.startswith(DIGEST)]

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        return self.notes[self._end].removeprefix("soc: ").partition(" at ")[0]

    @property
    def _end(self) -> int:
        """Which line says how it ended; a quiet run that ended well has none."""
        found = (number for number, note in enumerate(self.notes) if note.endswith(" s here"))
        return next(found, len(self.notes))


def boot(*arguments: object, typed: bytes | None = None) -> Run:
    """`soc boot ARGUMENTS` with `typed` on its standard input, which is closed if None."""
    out, errors = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with _standard_input(typed), redirect_stdout(out), redirect_stderr(errors):
        try:
            status = main(["boot", *map(str, arguments)])
        except SystemExit as leave:
            status = int(leave.code or 0)
        out.flush()
    return Run(status, out.buffer.getvalue(), tuple(errors.getvalue().splitlines()))


def command(*arguments: object) -> list[str]:
    """`soc boot ARGUMENTS` for a process of its own."""
    return [sys.executable, "-m", "soc", "boot", *map(str, arguments)]


def complaint(*arguments: object) -> str:
    """The only line that `soc boot ARGUMENTS` says, which is bad input. A run would be short."""
    run = boot("--max-time", 0.0001, *arguments)
    assert (run.status, run.console) == (2, b"")
    [line] = run.notes
    return line


def variant(directory: Path, *changes: tuple[str, str], board: Path = VIRT) -> Path:
    """A board like `board` but for the text that `changes` replace, each of which is there once."""
    text = board.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = directory / "variant.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def _standard_input(typed: bytes | None) -> Iterator[None]:
    """It holds what was typed and ends there; at most as much as a pipe does."""
    before = sys.stdin
    if typed is None:
        sys.stdin = None  # type: ignore[assignment]
    else:
        reader, writer = os.pipe()
        os.write(writer, typed)
        os.close(writer)
        sys.stdin = os.fdopen(reader)
    try:
        yield
    finally:
        if sys.stdin is not None:
            sys.stdin.close()
        sys.stdin = before
