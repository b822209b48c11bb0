"""wait_event: what it returns, what ends it, and where it must not be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.kernel.errors import ERESTARTSYS, KernelBug, KernelError
from soc.kernel.sched.completion import Completion
from soc.kernel.sched.deadlock import Deadlock
from tests.sched.world import Flag, World, clean_world

WHERE = ["outside", "thread"]


def call(world: World, where: str, function, *args):
    """Run `function` as app: from outside, or in a thread that somebody joins."""
    if where == "thread":
        return world.sched.spawn(world.app, function, *args).result()
    with world.sched.running(world.app):
        return function(*args)


RETURNS = {
    # raised at, timeout -> what remains, the time then
    "at once, no timeout": (0, None, 1, 0),
    "at once, timeout": (0, 50, 50, 0),
    "at once, timeout 0": (0, 0, 1, 0),
    "later, no timeout": (30, None, 1, 30),
    "later, in time": (30, 50, 20, 30),
    "at the last moment": (50, 50, 1, 50),
    "too late": (51, 50, 0, 50),
    "never, timeout": (None, 50, 0, 50),
    "never, timeout 0": (None, 0, 0, 0),
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize(("raised", "timeout", "left", "then"), RETURNS.values(), ids=RETURNS)
def test_what_remains_of_the_timeout(where, raised, timeout, left, then):
    with clean_world() as world:
        flag = Flag("flag", up=raised == 0)
        if raised:
            world.raise_at(raised, flag)

        def wait() -> None:
            assert world.wait(flag, timeout=timeout) == left
            assert world.clock.now == then

        call(world, where, wait)


SIGNALS = {
    # interruptible, pending from, raised at -> what happens, when
    "pending before": (True, 0, 30, ERESTARTSYS, 0),
    "comes while it waits": (True, 20, 30, ERESTARTSYS, 20),
    "comes after": (True, 40, 30, None, 30),
    "at the same moment it happened": (True, 30, 30, None, 30),
    "pending, but it has happened": (True, 0, 0, None, 0),
    "pending, uninterruptible": (False, 0, 30, None, 30),
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize(
    ("interruptible", "signal", "raised", "errno", "then"), SIGNALS.values(), ids=SIGNALS
)
def test_signals_end_interruptible_waits(where, interruptible, signal, raised, errno, then):
    with clean_world() as world:
        flag = Flag("flag", up=raised == 0)
        world.app.signal_pending = signal == 0
        world.clock.at(signal, lambda: setattr(world.app, "signal_pending", True))
        world.raise_at(raised, flag)
        got = None
        try:
            assert call(world, where, lambda: world.wait(flag, interruptible=interruptible)) == 1
        except KernelError as error:
            got = error.errno
            assert str(error) == "-ERESTARTSYS: app (pid 1): a signal ended the wait for flag"
        assert (got, world.clock.now) == (errno, then)


def test_a_signal_for_a_task_ends_no_wait_of_another():
    with clean_world() as world:
        flag = Flag("flag")
        world.server.signal_pending = True
        world.raise_at(5, flag)
        with world.sched.running(world.app):
            assert world.wait(flag, interruptible=True) == 1


def test_code_without_a_task_gets_no_signals():
    with clean_world() as world:
        assert world.wait(Flag("flag"), interruptible=True, timeout=5) == 0


def test_interrupts_are_served_while_everybody_waits():
    with clean_world() as world:
        flag = Flag("the transfer")
        world.clock.at(40, lambda: world.pending.append(lambda: world.raise_flag(flag)))
        assert world.wait(flag, timeout=100) == 60


def test_an_interrupt_that_is_pending_at_the_start_is_served_before_time_moves():
    with clean_world() as world:
        flag = Flag("the transfer")
        world.pending.append(lambda: world.raise_flag(flag))
        world.clock.at(40, lambda: None)
        assert world.wait(flag, timeout=100) == 100


def test_time_stands_still_while_a_thread_can_go_on():
    with clean_world() as world:
        world.clock.at(7, lambda: world.say("event"))

        def busy() -> None:
            for _ in range(100):
                world.sched.cond_resched()
            world.say("busy no more")

        world.sched.spawn(world.app, busy)
        world.sched.spawn(world.server, busy)
        world.sleep(10)
        assert world.said == [(0, "busy no more"), (0, "busy no more"), (7, "event")]


@given(st.lists(st.integers(0, 20), max_size=8))
def test_sleepers_wake_in_the_order_of_their_times(times):
    with clean_world() as world:
        for index, ns in enumerate(times):
            world.sched.spawn(world.app, lambda i=index, ns=ns: (world.sleep(ns), world.say(str(i))))
        world.sched.run()
        assert world.said == sorted((ns, str(index)) for index, ns in enumerate(times))


# --- atomic context ---------------------------------------------------------


def test_a_wait_in_atomic_context_is_a_bug():
    world = World()
    sched, app = world.sched, world.app
    with sched.running(app), sched.atomic("in a fence callback"), pytest.raises(KernelBug) as raised:
        world.wait(Flag("flag"), timeout=5)
    why = "scheduling while atomic: app (pid 1) in a fence callback: wait for flag"
    assert str(raised.value) == f"kernel BUG: {why}"
    assert world.log.warnings == [why]
    assert world.clock.now == 0


def test_a_wait_in_atomic_context_is_a_warning_though_it_need_not_sleep():
    world = World()
    with world.sched.atomic():
        assert world.wait(Flag("flag", up=True)) == 1
    text = (
        "sleeping function called from invalid context: swapper (pid 0) in an atomic section: wait for flag"
    )
    assert world.log.warnings == [text]


def test_atomic_sections_nest_and_end():
    with clean_world() as world:
        with world.sched.atomic("outer"), world.sched.atomic("inner"):
            pass
        world.sched.might_sleep("a wait")
        world.sleep(1)


@pytest.mark.parametrize("door", ["clock event", "interrupt"])
def test_handlers_must_not_sleep(door):
    world = World()
    handler = lambda: world.sleep(1)  # noqa: E731
    if door == "interrupt":
        world.pending.append(handler)
    else:
        world.clock.at(3, handler)
    with pytest.raises(KernelBug) as raised:
        world.sleep(10)
    why = "scheduling while atomic: an interrupt in interrupt context: wait for a sleep"
    assert str(raised.value) == f"kernel BUG: {why}"
    assert world.sched.current is None
    assert str(world.sched.thread) == "swapper (pid 0)"


def test_the_condition_of_a_wait_must_only_look():
    world = World()

    def condition() -> bool:
        world.sched.might_sleep("lock resv")
        return world.clock.now >= 10

    world.clock.at(10, lambda: None)
    with world.sched.running(world.app):
        world.sched.wait_event(condition, Flag("poll"))
    text = "sleeping function called from invalid context: app (pid 1) in the condition of a wait: lock resv"
    assert set(world.log.warnings) == {text}


# --- completions ------------------------------------------------------------


def test_a_completion_lets_one_waiter_go_on_each_time():
    with clean_world() as world:
        done = Completion(world.sched, "the transfer of dma0")
        for name in "ab":
            world.sched.spawn(world.app, lambda name=name: (done.wait(), world.say(name)))
        world.clock.at(10, done.complete)
        world.clock.at(20, done.complete)
        world.sched.run()
        assert world.said == [(10, "a"), (20, "b")]
        assert not done.done


def test_a_completion_may_come_before_its_waiter():
    with clean_world() as world:
        done = Completion(world.sched, "the transfer of dma0")
        done.complete()
        done.complete()
        assert (done.wait(timeout=10), done.wait(timeout=10), done.wait(timeout=10)) == (10, 10, 0)


def test_complete_all_is_for_everybody_until_reinit():
    with clean_world() as world:
        done = Completion(world.sched, "the transfer of dma0")
        done.complete_all()
        assert [done.wait() for _ in range(3)] == [1, 1, 1]
        done.reinit()
        assert done.wait(timeout=10) == 0


def test_a_completion_names_who_is_to_complete_it():
    world = World()
    done = Completion(world.sched, "the transfer of dma0", by=[world.server])
    with pytest.raises(Deadlock) as raised:
        done.wait()
    assert str(raised.value) == (
        "swapper (pid 0) waits for ever for the transfer of dma0, to be completed by server (pid 2), "
        "which is not running"
    )
