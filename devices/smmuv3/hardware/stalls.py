"""Transactions that the SMMU holds until software answers. Source: ARM IHI 0070, 3.12.2, 4.7, 7.2.1.

A stalled transaction has an event with a tag (STAG) in the event queue. While
the queue takes no event, or every tag is in use, the transaction waits without
one and is retried when that ends. Of those whose engine has not waited for the
answer no more are kept than can have a tag: the rest count as aborted, which is
what such an engine has made of them.

Not modelled: early retry, and the suppression of records of similar stalls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from soc.iommu.port import DmaStalled


class Answer(Enum):
    """What becomes of a stalled transaction. DISCARD ends it as RAZ/WI, as if it had succeeded."""

    RETRY = "retry"
    ABORT = "abort"
    DISCARD = "discard"


@dataclass(eq=False)
class Stall:
    """One held transfer of `stream`; `tag` is None as long as no event tells of it."""

    stream: int
    transfer: DmaStalled
    tag: int | None = None

    def answer(self, answer: Answer) -> None:
        self.transfer.answer(answer is Answer.RETRY, discarded=answer is Answer.DISCARD)


class StallBuffer:
    """Everything that is held, up to `most` transactions with a tag."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = list(range(most - 1, -1, -1))
        self._tagged: dict[int, Stall] = {}
        self._waiting: list[Stall] = []

    def hold(self, stream: int, transfer: DmaStalled, record: Callable[[int], bool]) -> None:
        """Hold a transfer. `record(tag)` writes its event and says whether it could."""
        stall = Stall(stream, transfer)
        if not self._free:
            self._wait(stall)
            return
        stall.tag = self._free.pop()
        self._tagged[stall.tag] = stall
        if not record(stall.tag) and stall.tag in self._tagged:
            del self._tagged[stall.tag]
            self._free.append(stall.tag)
            stall.tag = None
            self._wait(stall)

    def resume(self, stream: int, tag: int, answer: Answer) -> None:
        """CMD_RESUME. Nothing happens unless `tag` belongs to a transaction of `stream`."""
        stall = self._tagged.get(tag)
        if stall is not None and stall.stream == stream:
            self._release(stall, answer)

    def terminate(self, stream: int | None = None) -> None:
        """CMD_STALL_TERM for one stream; for all of them when translation is switched off."""
        for stall in [*self._tagged.values(), *self._waiting]:
            if stream is None or stall.stream == stream:
                self._release(stall, Answer.ABORT)

    def retry_waiting(self, possible: Callable[[], bool]) -> None:
        """Retry those without an event, as long as `possible()` says that one could be recorded."""
        for stall in list(self._waiting):
            if not self._free or not possible():
                return
            self._release(stall, Answer.RETRY)

    def _wait(self, stall: Stall) -> None:
        """Hold a stall without an event. With too many, the oldest that nobody waits for go."""
        self._waiting.append(stall)
        if len(self._waiting) <= self._most:
            return
        idle = [held for held in self._waiting[:-1] if not held.transfer.awaited]
        for held in idle[: len(self._waiting) - self._most]:
            self._release(held, Answer.ABORT)

    def _release(self, stall: Stall, answer: Answer) -> None:
        """Let go of a stall, unless an answer to one before it led to this one's already."""
        if stall in self._waiting:
            self._waiting.remove(stall)
        elif stall.tag is not None and self._tagged.get(stall.tag) is stall:
            del self._tagged[stall.tag]
            self._free.append(stall.tag)
        else:
            return
        stall.answer(answer)
