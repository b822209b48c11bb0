"""Timelines against counters: many programs, many fds, any order of everything."""

from __future__ import annotations

from dataclasses import dataclass
from errno import ENOENT

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from soc.dmabuf.sync.sw_sync import SyncTimelines
from soc.kernel.fs.poll import EPOLLIN
from tests.fence.bench import live, make_kernel
from tests.sync.bench import App, init


@dataclass(eq=False)
class Counter:
    """A timeline as a number; `fd` of its file."""

    fd: int
    value: int = 0
    closed: bool = False


@dataclass(eq=False)
class Point:
    """What a sync_file of sw_sync fences should say: the worst of its parts."""

    fd: int
    parts: list[list[int]]
    """A cell with the status of each fence; cells are shared by merges and by fences at one value."""

    @property
    def active(self) -> bool:
        return any(cell[0] == 0 for cell in self.parts)


class SwSyncMachine(RuleBasedStateMachine):
    counters: Bundle[Counter] = Bundle("counters")
    points: Bundle[Point] = Bundle("points")

    def __init__(self) -> None:
        super().__init__()
        self.kernel = init(make_kernel())
        self.app = App(self.kernel)
        self.pending: dict[tuple[Counter, int], list[int]] = {}
        self.open: list[Point] = []

    @rule(target=counters)
    def open_timeline(self) -> Counter:
        return Counter(self.app.timeline())

    @rule(target=points, counter=counters, ahead=st.integers(-3, 6))
    def create(self, counter: Counter, ahead: int) -> Point:
        value = counter.value + ahead
        if counter.closed:
            return self._opened(Point(-1, []))
        fd = self.app.fence(counter.fd, value & 0xFFFF_FFFF)
        cell = self.pending.setdefault((counter, value), [0]) if ahead > 0 else [1]
        return self._opened(Point(fd, [cell]))

    @rule(counter=counters, by=st.integers(0, 4))
    def inc(self, counter: Counter, by: int) -> None:
        if not counter.closed:
            self.app.inc(counter.fd, by)
            counter.value += by
            self._signal(counter, counter.value, 1)

    @rule(counter=counters)
    def inc_by_more_than_int_max(self, counter: Counter) -> None:
        if not counter.closed:
            self.app.inc(counter.fd, 0xFFFF_FFF0)
            counter.value += 0xFFFF_FFF0
            self._signal(counter, counter.value, 1)

    @rule(counter=counters)
    def close_timeline(self, counter: Counter) -> None:
        if not counter.closed:
            self.app.process.close(counter.fd)
            counter.closed = True
            self._signal(counter, None, -ENOENT)

    @rule(target=points, first=points, second=points)
    def merge(self, first: Point, second: Point) -> Point:
        if first not in self.open or second not in self.open or -1 in (first.fd, second.fd):
            return self._opened(Point(-1, []))
        fd = self.app.merge(first.fd, second.fd)
        return self._opened(Point(fd, [cell for cell in first.parts + second.parts if cell[0] == 0]))

    @rule(point=consumes(points))
    def close(self, point: Point) -> None:
        self.open.remove(point)
        if point.fd >= 0:
            self.app.process.close(point.fd)

    @invariant()
    def every_file_says_what_the_counters_say(self) -> None:
        for point in self.open:
            if point.fd >= 0:
                ready = self.app.process.poll([(point.fd, EPOLLIN)], 0) == [EPOLLIN]
                assert ready == (not point.active)
                if not point.active:
                    assert self.app.status(point.fd) in {1, *(cell[0] for cell in point.parts)}
                    assert (self.app.status(point.fd) < 0) == any(cell[0] < 0 for cell in point.parts)

    def teardown(self) -> None:
        self.app.process.exit()
        assert self.kernel.subsystem(SyncTimelines).live == {}
        assert (live(self.kernel), self.kernel.files.live(), self.kernel.log.warnings) == ([], [], [])

    def _opened(self, point: Point) -> Point:
        self.open.append(point)
        return point

    def _signal(self, counter: Counter, reached: int | None, status: int) -> None:
        for own, value in list(self.pending):
            if own is counter and (reached is None or value <= reached):
                self.pending.pop((own, value))[0] = status


TestSwSyncMachine = SwSyncMachine.TestCase
TestSwSyncMachine.settings = settings(max_examples=60, stateful_step_count=40)
