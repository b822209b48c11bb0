"""The wait-for graph by itself: what counts as a cycle, what is certain, and chains of any length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.kernel.sched.thread import Thread, Wait
from soc.kernel.sched.wait_graph import WaitGraph, beginning_at, tell
from tests.sched.world import Flag, Program


def wait(thread: Thread, on: Flag, interruptible: bool = False, deadline: int | None = None) -> Wait:
    return Wait(thread, lambda: on.up, on, interruptible, 0, deadline)


def threads(count: int) -> list[Thread]:
    return [Thread(Program(f"p{n}", n)) for n in range(1, count + 1)]


@given(st.lists(st.none() | st.integers(0, 6), min_size=7, max_size=7))
def test_it_finds_a_cycle_exactly_if_there_is_one(needs):
    """Seven threads, each waits for another, for itself or for nobody."""
    people = threads(7)
    waits = [
        wait(people[n], Flag(f"f{n}", by=[people[needed]]))
        for n, needed in enumerate(needs)
        if needed is not None
    ]
    on_cycle = set()
    for start in range(7):
        node = start
        for _ in range(7):
            node = needs[node] if node is not None else None
            if node == start:
                on_cycle.add(people[start])
    graph = WaitGraph(waits)
    cycle = graph.cycle()
    assert bool(cycle) == bool(on_cycle)
    for one in waits:
        certain = graph.certain_cycle(one)
        assert bool(certain) == (one.thread in on_cycle)
        if certain:
            assert certain[0] is certain[-1] is one.thread
            assert len(certain[:-1:2]) == len(set(certain[:-1:2]))
            assert set(certain[:-1:2]) <= on_cycle


DOUBTS = {
    "nothing": ({}, [], True),
    "a signal may come": ({"interruptible": True}, [], False),
    "a timeout may end it": ({"deadline": 5}, [], False),
    "another may be enough": ({}, [Flag("another")], False),
}


@pytest.mark.parametrize(("options", "others", "certain"), DOUBTS.values(), ids=DOUBTS)
def test_a_cycle_is_certain_if_nothing_may_break_it(options, others, certain):
    one, two = threads(2)
    first = wait(one, Flag("a", by=[two]))
    graph = WaitGraph([first, wait(two, Flag("b", by=[*others, one]), **options)])
    assert bool(graph.certain_cycle(first)) == certain
    assert graph.cycle() is not None


def test_a_cycle_through_a_task_is_never_certain():
    one, two = threads(2)
    first = wait(one, Flag("a", by=[two.task]))
    graph = WaitGraph([first, wait(two, Flag("b", by=[one]))])
    assert graph.certain_cycle(first) is None
    assert tell(graph.cycle()) == (
        "p1 (pid 1) waits for a, to be signalled by p2 (pid 2), which waits for b, to be signalled by "
        "p1 (pid 1)"
    )


def test_a_cycle_that_others_are_in_is_not_closed_by_who_waits_for_them():
    one, two, three = threads(3)
    waits = [wait(one, Flag("a", by=[two])), wait(two, Flag("b", by=[one])), wait(three, Flag("c", by=[one]))]
    graph = WaitGraph(waits)
    assert graph.certain_cycle(waits[2]) is None
    assert graph.waits_in(graph.cycle()) == waits[:2]
    assert tell(graph.chain(waits[2])) == (
        "p3 (pid 3) waits for c, to be signalled by p1 (pid 1), which waits for a, to be signalled by "
        "p2 (pid 2), which waits for b, to be signalled by p1 (pid 1)"
    )


def test_a_cycle_through_one_of_many_fences_is_found():
    one, two = threads(2)
    array = Flag("array", by=[Flag("x"), Flag("y", by=[Flag("z", by=[two])])])
    waits = [wait(one, array), wait(two, Flag("lock", by=[one]))]
    assert tell(WaitGraph(waits).cycle()) == (
        "p1 (pid 1) waits for array, which needs y, which needs z, to be signalled by p2 (pid 2), which "
        "waits for lock, to be signalled by p1 (pid 1)"
    )


def test_a_cycle_can_be_told_from_each_of_its_members():
    one, two = threads(2)
    waits = [wait(one, Flag("a", by=[two])), wait(two, Flag("b", by=[one]))]
    cycle = WaitGraph(waits).cycle()
    assert beginning_at(cycle, waits[0])[0] is one
    assert beginning_at(cycle, waits[1])[0] is two
    assert set(beginning_at(cycle, waits[1])) == set(cycle)


@pytest.mark.parametrize("closed", [True, False])
def test_a_timeline_of_many_thousand_points_is_followed_to_its_end(closed):
    (one,) = threads(1)
    point = Flag("point 0", by=[one] if closed else [])
    for number in range(1, 5_000):
        point = Flag(f"point {number}", by=[point])
    last = wait(one, point)
    cycle = WaitGraph([last]).certain_cycle(last)
    assert (cycle is not None and len(cycle) == 5_002) == closed
    if not closed:
        assert tell(WaitGraph([last]).chain(last)).endswith("which needs point 0, which nobody is to signal")


@pytest.mark.parametrize("blocker", ["the thread", "its task"])
def test_who_waits_as_another_task_cannot_act_as_himself(blocker):
    """A thread of p1 runs code of p2, which waits for what only p1 can do."""
    one, two = threads(2)
    one.host = one
    guise = Thread(two.task, host=one)
    waits = [wait(guise, Flag("a", by=[one if blocker == "the thread" else one.task]))]
    graph = WaitGraph(waits)
    assert graph.waits_in(graph.cycle()) == waits
    assert tell(graph.cycle()) == "p1 (pid 1) waits for a, to be signalled by p1 (pid 1)"
