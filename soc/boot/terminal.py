"""The other end of the console's line: what the guest prints, and what is typed to it.

Characters are sent when the UART has room for them, so that a guest that is
not ready yet loses none; it is looked for with every character the guest prints,
since an echo says that one was taken. `Keyboard` is where they come from; answers to
prompts come from the request and are the same in every run. Output is shown by
the line, and what there is of the last one whenever the machine pauses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import BinaryIO, Protocol

from soc.boot.request import Answer

ENTER = b"\r"
REMEMBERED = 4096
"""Bytes of output that a prompt is looked for in."""


class Uart(Protocol):
    """The machine's end of the line."""

    on_output: Callable[[bytes], None] | None

    @property
    def room(self) -> int:
        """Characters it can take now without losing one."""
        ...

    def receive(self, data: bytes) -> None: ...


class Terminal:
    """Shows each piece of output by `show`, keeps a copy in `log`."""

    def __init__(
        self,
        show: Callable[[bytes], None],
        answers: tuple[Answer, ...] = (),
        log: BinaryIO | None = None,
    ) -> None:
        self._show = show
        self._answers = deque(answers)
        self.log = log
        self._typed: deque[int] = deque()
        self._recent = b""
        self._uart: Uart | None = None
        self._line = bytearray()

    @property
    def unanswered(self) -> tuple[Answer, ...]:
        """Answers whose prompt has not come."""
        return tuple(self._answers)

    @property
    def recent(self) -> bytes:
        """The last of what the guest printed."""
        return self._recent

    @property
    def idle(self) -> bool:
        """Whether everything that was typed has been sent."""
        return not self._typed

    def disconnect(self) -> None:
        self._uart = None

    def connect(self, uart: Uart) -> None:
        self._uart = uart
        uart.on_output = self._print

    def type(self, data: bytes) -> None:
        """Send `data` as soon as the guest can take it."""
        self._typed.extend(data)
        self.feed()

    def feed(self) -> None:
        """Send what there is room for."""
        if not self._typed or self._uart is None:
            return
        count = min(self._uart.room, len(self._typed))
        if count > 0:
            self._uart.receive(bytes(self._typed.popleft() for _ in range(count)))

    def flush(self) -> None:
        """Show what there is of an unfinished line."""
        if self._line:
            piece = bytes(self._line)
            self._line.clear()
            self._show(piece)
            if self.log is not None:
                self.log.write(piece)

    def _print(self, data: bytes) -> None:
        self._line += data
        if data.endswith(b"\n"):
            self.flush()
        self._recent = (self._recent + data)[-REMEMBERED:]
        while self._answers and (found := self._recent.find(self._answers[0].prompt)) >= 0:
            answer = self._answers.popleft()
            self._recent = self._recent[found + len(answer.prompt) :]
            self.type(answer.reply + ENTER)
        self.feed()
