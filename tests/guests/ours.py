"""Our own machine from outside: `soc boot` as a user runs it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.guests.console import Session, converse


def run_soc(
    board: Path,
    kernel: Path,
    initramfs: Path,
    append: str,
    timeout: float,
    answers: Sequence[tuple[str, str]] = (),
    options: Sequence[str] = (),
) -> Session:
    """Boot Linux with the UART as terminal, with more `options` of the command."""
    command = [sys.executable, "-m", "soc", "boot", str(board), str(kernel)]
    command += ["--initrd", str(initramfs), "--append", append, *options]
    return converse(command, timeout, answers)
