"""Virtual time: order, cancellation, and what a running CPU is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soc.clock import Clock


def run(clock: Clock) -> None:
    """Let time pass until the agenda is empty."""
    while (event := clock.next_event()) is not None:
        clock.advance(event)
        clock.run_due()


def test_time_starts_at_zero_with_nothing_to_do():
    clock = Clock()
    assert (clock.now, clock.next_event(), clock.run_due()) == (0, None, False)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=30))
def test_events_run_by_time_then_by_order_of_scheduling_unless_cancelled(plan):
    clock, ran = Clock(), []
    events = [clock.at(when, lambda n=n: ran.append((clock.now, n))) for n, (when, _) in enumerate(plan)]
    for event, (_, cancel) in zip(events, plan, strict=True):
        if cancel:
            event.cancel()
    run(clock)
    assert ran == sorted((when, n) for n, (when, cancel) in enumerate(plan) if not cancel)


def test_an_event_is_pending_until_it_runs_or_is_cancelled():
    clock = Clock()
    one, two = clock.after(5, lambda: None), clock.after(5, lambda: None)
    two.cancel()
    assert (one.pending, two.pending) == (True, False)
    clock.advance(5)
    assert clock.run_due()
    assert not one.pending
    one.cancel()


def test_an_action_may_cancel_and_schedule_at_the_same_instant():
    clock, ran = Clock(), []
    victims = []

    def first() -> None:
        victims[0].cancel()
        clock.after(0, lambda: ran.append("scheduled now"))
        clock.at(clock.now - 3, lambda: ran.append("in the past"))
        clock.after(1, lambda: ran.append("later"))

    clock.at(5, first)
    victims.append(clock.at(5, lambda: ran.append("cancelled")))
    clock.advance(5)
    assert clock.run_due()
    assert ran == ["scheduled now", "in the past"]
    assert clock.next_event() == 6


def test_the_next_event_is_never_a_cancelled_one():
    clock = Clock()
    clock.at(3, lambda: None).cancel()
    clock.at(7, lambda: None)
    assert clock.next_event() == 7


def test_time_never_goes_back():
    clock = Clock()
    clock.advance(10)
    clock.advance(4)
    assert clock.now == 10


def test_a_cpu_lends_its_progress_and_hears_of_every_new_event():
    clock, told = Clock(), []
    clock.advance(100)
    clock.progress = lambda: 23
    clock.on_earlier = told.append
    assert clock.now == 123
    clock.after(10, lambda: None)
    clock.at(50, lambda: None)
    assert told == [133, 123]
    clock.progress = clock.on_earlier = None
    assert clock.now == 100
