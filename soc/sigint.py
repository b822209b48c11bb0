"""Ctrl-C while an engine in C runs: noted at once, acted on where it is safe.

An exception that a signal handler raises inside a callback of the CPU engine
would be lost, so the handler only makes a note, and the machine asks between
slices. A second Ctrl-C does not wait.
"""

from __future__ import annotations

import signal
from types import FrameType, TracebackType


class Interrupts:
    """A context in which Ctrl-C makes `seen()` true instead of raising, the first time."""

    def __init__(self) -> None:
        self._seen = False
        self._before: signal.Handlers = signal.SIG_DFL

    def seen(self) -> bool:
        return self._seen

    def __enter__(self) -> Interrupts:
        self._before = signal.getsignal(signal.SIGINT)  # type: ignore[assignment]
        signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._seen:
            raise KeyboardInterrupt
        self._seen = True
