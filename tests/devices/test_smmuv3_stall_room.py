"""Stalls without room for their event: they wait for the queue or a tag, none is lost. IHI 0070, 7.2.1."""

from __future__ import annotations

import gc
import weakref

import pytest

from soc.iommu.port import DmaStalled
from tests.devices.smmuv3_bench import (
    CMDQEN,
    CR0,
    EVENTQ_ABT,
    EVENTQ_BASE,
    EVENTQ_CONS,
    EVENTQ_PROD,
    EVENTQEN,
    EVENTS,
    GERRORN,
    NOWHERE,
    RESUME,
    RETRY,
    SMMUEN,
    STALL_TERM,
    STREAM,
    Bench,
    context_descriptor,
)

AT = 0x4567_8000
STALLING = context_descriptor(flip=1 << 44)


@pytest.fixture
def bench():
    bench = Bench()
    yield bench.start().stage1(STALLING)
    bench.dram.banks[0].close()


def fill(bench: Bench) -> None:
    """Sixteen stalls fill the event queue."""
    for page in range(16):
        bench.stall(AT + 0x1000 * page)


def take(bench: Bench) -> None:
    bench.set(EVENTQ_CONS, (bench.get(EVENTQ_CONS) + 1) & 31)


def test_a_full_queue_has_the_next_stall_wait_without_overflow(bench):
    fill(bench)
    _, answers = bench.stall(0x1000)
    assert bench.get(EVENTQ_PROD) == 16
    take(bench)
    assert answers == [True], "retried as if it had just arrived"


def test_waiting_stalls_are_retried_one_by_one_as_room_appears(bench):
    fill(bench)
    order = []

    def again(number: int) -> None:
        with pytest.raises(DmaStalled) as caught:
            bench.access(0x1000 * number)
        caught.value.wait(lambda retry: (order.append((number, retry)), again(number)))

    again(1)
    again(2)
    take(bench)
    assert (order, bench.get(EVENTQ_PROD)) == ([(1, True)], 17)
    take(bench)
    assert (order, bench.get(EVENTQ_PROD)) == ([(1, True), (2, True)], 18)


@pytest.mark.parametrize("how", ["disabled", "aborted"])
def test_a_queue_that_is_off_or_broken_has_stalls_wait(bench, how):
    if how == "disabled":
        bench.set(CR0, SMMUEN | CMDQEN)
    else:
        bench.reconfigure((EVENTQ_BASE, NOWHERE | 4), size=8)
    _, answers = bench.stall(AT)
    assert (answers, bench.get(EVENTQ_PROD)) == ([], 0)
    if how == "aborted":
        bench.set(CR0, 0)
        assert answers == [False], "translation was switched off meanwhile"
        bench.set64(EVENTQ_BASE, EVENTS | 4)
        bench.set(CR0, SMMUEN | EVENTQEN | CMDQEN)
        _, answers = bench.stall(AT)
        assert answers == []
        bench.set(GERRORN, EVENTQ_ABT)
    else:
        bench.set(CR0, SMMUEN | EVENTQEN | CMDQEN)
    assert answers == [True]


def test_a_waiting_stall_can_be_terminated(bench):
    fill(bench)
    _, answers = bench.stall(0x1000)
    bench.command(STALL_TERM, stream=STREAM)
    assert answers == [False]


def test_no_more_stalls_have_a_tag_than_the_registers_promise():
    bench = Bench().start(events_log2=7).stage1(STALLING)
    assert bench.get(0x14) >> 16 == 64
    for page in range(64):
        bench.stall(AT + 0x1000 * page)
    _, answers = bench.stall(0x1000)
    assert (bench.get(EVENTQ_PROD), answers) == (64, [])
    bench.command(RESUME | RETRY, 7, stream=STREAM)
    assert answers == [True]
    bench.dram.banks[0].close()


# --- stalls that nobody waits for ----------------------------------------------


def unanswered(bench: Bench, page: int) -> DmaStalled:
    """A stall whose engine takes it for an abort."""
    with pytest.raises(DmaStalled) as caught:
        bench.access(0x1000 * page)
    return caught.value


def test_stalls_without_an_event_that_nobody_waits_for_are_not_kept_for_ever(bench):
    fill(bench)
    _, answers = bench.stall(0x1000)
    kept = [weakref.ref(unanswered(bench, page)) for page in range(1000)]
    gc.collect()
    assert sum(stall() is not None for stall in kept) <= 64
    assert answers == [], "somebody waits for this one"
    take(bench)
    assert answers == [True]


def test_an_engine_that_waits_too_late_is_told_of_an_abort(bench):
    fill(bench)
    late = unanswered(bench, 0)
    for page in range(1, 65):
        unanswered(bench, page)
    answers: list[bool] = []
    late.wait(answers.append)
    assert answers == [False]


def test_an_engine_that_no_longer_waits_makes_room(bench):
    fill(bench)
    left, answers = bench.stall(0x1000)
    left.abandon()
    gone = weakref.ref(left)
    del left
    for page in range(64):
        unanswered(bench, page)
    gc.collect()
    assert (gone(), answers) == (None, [])


def test_stalls_that_engines_wait_for_are_all_kept(bench):
    fill(bench)
    answers = [bench.stall(0x1000 * page)[1] for page in range(100)]
    bench.set(CR0, 0)
    assert answers == [[False]] * 100
