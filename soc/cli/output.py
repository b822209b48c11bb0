"""Files that a command writes: whole or not at all."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from soc.cli.commands import Parser
from soc.cli.status import silence
from soc.errors import BadInput

STDOUT = Path("-")


def add_option(command: Parser, suffix: str, metavar: str) -> None:
    """`-o`, for a command that makes one file of a board."""
    command.add_argument(
        "-o",
        dest="out",
        type=Path,
        metavar=metavar,
        help=f"the file to write, - for standard output (default: BOARD{suffix} in the current directory)",
    )
    command.set_defaults(suffix=suffix)


def write_made(options: argparse.Namespace, data: bytes) -> None:
    """Write what was made of the board to where `-o` says."""
    board: Path = options.board
    write_whole(options.out or Path(f"{board.stem}{options.suffix}"), data, board)


def write_whole(path: Path, data: bytes, source: Path) -> None:
    """Write `data`, made of `source`, to `path`; `-` is standard output.

    What was there stays until all of the new is written. BadInput if it cannot be, or is `source`.
    """
    if path == STDOUT:
        return _print(data)
    try:
        if path.exists() and source.exists() and path.samefile(source):
            raise BadInput(f"{path} would overwrite the board it is made of: name another file with -o")
        _replace(path.resolve(), data)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from None
    return None


def _replace(path: Path, data: bytes) -> None:
    """By way of a file beside `path`; a device or a pipe is written to as it is."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    beside = path.with_name(f".soc-{os.getpid()}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(data)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _print(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        silence()
