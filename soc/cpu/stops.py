"""Why the engine is left: what happened inside it and is dealt with once it has stopped."""

from __future__ import annotations

from collections.abc import Callable

from soc.cpu.engine import Engine
from soc.processor import StopReason


class Stops:
    """Notes of one core. `cut` stops the engine before its next block; `log` takes one line.

    `failure` is the first exception of a model, `reason` why the core runs no further,
    `abort` an access that nobody answered (True for a write, False for a read).
    """

    def __init__(self, engine: Engine, log: Callable[[str], None]) -> None:
        self._engine = engine
        self._log = log
        self.cut: Callable[[], None] = engine.stop
        self.failure: BaseException | None = None
        self.reason: StopReason | None = None
        self.abort: bool | None = None

    @property
    def pending(self) -> bool:
        return self.failure is not None or self.reason is not None

    def fail(self, error: BaseException) -> None:
        """A model raised `error`: it comes out after the block."""
        if self.failure is None:
            self.failure = error
        self.cut()

    def power(self, reason: StopReason) -> None:
        """Firmware switches the core off, from inside an exception."""
        self.reason = reason
        self._engine.stop()

    def stuck(self, line: str) -> None:
        """The core cannot go on, and `line` says why."""
        self._log(line)
        self.power(StopReason.HALTED)

    def aborted(self, write: bool) -> None:
        """Nobody answers the present access: it does not count as executed."""
        self.abort = write
        self._engine.stop()

    def take_abort(self) -> bool | None:
        abort, self.abort = self.abort, None
        return abort

    def raise_failure(self) -> None:
        """Let the exception of a model out, once."""
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
