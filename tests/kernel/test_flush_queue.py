"""The flush queue of lazy domains: when it is flushed, and what that releases."""

from __future__ import annotations

from soc.address import Iova
from soc.clock import Clock
from soc.kernel.iommu.flush_queue import FlushQueue
from soc.kernel.iommu.history import IovaOwner

MS = 1_000_000


class Bench:
    """A queue whose calls are written down."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.calls: list[str] = []
        self.queue = FlushQueue(
            self.clock,
            lambda: self.calls.append("invalidate"),
            lambda owner: self.calls.append(owner.what),
        )

    def add(self, what: str, start: int = 0x1000) -> IovaOwner:
        owner = IovaOwner(Iova(start), start + 0x1000, "cam", what, 0, self.clock.now)
        self.queue.add(owner)
        return owner

    def wait(self, until: int) -> None:
        """Let time pass up to `until`."""
        while (event := self.clock.next_event()) is not None and event <= until:
            self.clock.advance(event)
            self.clock.run_due()
        self.clock.advance(until)


def test_the_timer_runs_from_the_first_range():
    bench = Bench()
    owner = bench.add("a")
    bench.wait(9 * MS)
    bench.add("b")
    assert (bench.calls, owner.stale) == ([], True)
    bench.wait(10 * MS)
    assert bench.calls == ["invalidate", "a", "b"], "the invalidation comes first"
    assert not owner.stale
    assert (bench.queue.timer_flushes, bench.queue.full_flushes, bench.queue.queued) == (1, 0, 2)
    bench.add("c")
    bench.wait(19 * MS)
    assert bench.queue.waiting
    bench.wait(20 * MS)
    assert bench.calls[3:] == ["invalidate", "c"]


def test_the_256th_range_flushes_the_255_before_it():
    bench = Bench()
    for number in range(255):
        bench.add(f"{number}")
    assert bench.calls == []
    last = bench.add("last")
    assert bench.calls == ["invalidate", *(f"{number}" for number in range(255))]
    assert bench.queue.waiting == (last,)
    assert (bench.queue.timer_flushes, bench.queue.full_flushes) == (0, 1)
    bench.wait(10 * MS)
    assert bench.calls[-2:] == ["invalidate", "last"], "the timer of the first range still runs"


def test_an_idle_queue_needs_no_timer():
    bench = Bench()
    assert bench.clock.next_event() is None
    bench.add("a")
    bench.wait(10 * MS)
    assert bench.clock.next_event() is None


def test_stale_ranges_are_found_by_any_byte():
    bench = Bench()
    owner = bench.add("a", 0x4000)
    find = bench.queue.stale_owner
    assert [find(0x3FFF), find(0x4000), find(0x4FFF), find(0x5000)] == [None, owner, owner, None]
    assert [find(0x3000, 0x1000), find(0x3000, 0x1001), find(0x4800, 0x4000)] == [None, owner, owner]
    bench.queue.flush()
    assert find(0x4000) is None


def test_stop_gives_nothing_back_and_turns_the_timer_off():
    bench = Bench()
    owner = bench.add("a")
    bench.queue.stop()
    assert (bench.calls, bench.queue.waiting, owner.stale) == ([], (), False)
    assert bench.clock.next_event() is None
    bench.queue.stop()
