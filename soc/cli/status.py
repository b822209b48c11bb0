"""Exit statuses, and printing to a reader who may have left."""

from __future__ import annotations

import os
import sys

HELD, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def say(text: str, end: str = "\n") -> None:
    """Print. Where the reader of our output has left, the work goes on without a word."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        silence()


def silence() -> None:
    """Lead standard output to nowhere, so that what is still buffered cannot fail at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
