"""Errors that speak to people.

`BadInput` is every mistake in something the user wrote: a board, a scenario, a
firmware image, a command line. The command `soc` turns it into one line on
stderr and exit status 2; nothing else may reach the user as a traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Where:
    """A place in a file the user wrote. Lines count from 1."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class SocError(Exception):
    """Root of every error this package raises on purpose."""


class BadInput(SocError):
    """The user's input cannot be used; `str()` is the whole line to show.

    `problem` says what was given, what was expected and what to do; `where`
    is the place it was given, or None when no file is involved.
    """

    def __init__(self, problem: str, where: Where | None = None) -> None:
        self.problem = problem
        self.where = where
        super().__init__(f"{where}: {problem}" if where else problem)
