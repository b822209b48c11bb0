"""Deadlocks: who is told, when, and in which words."""

from __future__ import annotations

import pytest

from soc.clock import SECOND
from soc.kernel.locking.mutex import Mutex
from soc.kernel.sched.deadlock import Deadlock
from tests.sched.world import Flag, World


def deadlock_of(call, *args, **options) -> Deadlock:
    with pytest.raises(Deadlock) as raised:
        call(*args, **options)
    return raised.value


@pytest.fixture
def world():
    world = World()
    with world.sched:
        yield world


def test_waiting_for_ones_own_fence_is_a_cycle_of_one(world):
    fence = Flag("fence sw_sync 1:1", by=[world.app])
    with world.sched.running(world.app):
        error = deadlock_of(world.wait, fence)
    text = "deadlock: app (pid 1) waits for fence sw_sync 1:1, to be signalled by app (pid 1)"
    assert str(error) == text
    assert world.log.warnings == [text]
    assert error.chain == [world.app, fence, world.app]


ENDS = {
    "nobody known": (
        [],
        "fence X, which nobody is to signal",
    ),
    "a task that does nothing": (
        ["server"],
        "fence X, to be signalled by server (pid 2), which is not running",
    ),
    "another fence": (
        [Flag("fence Y")],
        "fence X, which needs fence Y, which nobody is to signal",
    ),
    "the first of two fences": (
        [Flag("fence Y", by=[Flag("fence Z")]), Flag("fence W")],
        "fence X, which needs fence Y, which needs fence Z, which nobody is to signal",
    ),
}


@pytest.mark.parametrize(("by", "end"), ENDS.values(), ids=ENDS)
def test_a_wait_without_a_cycle_tells_what_is_missing(world, by, end):
    by = [world.server if who == "server" else who for who in by]
    with world.sched.running(world.app):
        error = deadlock_of(world.wait, Flag("fence X", by))
    assert str(error) == f"app (pid 1) waits for ever for {end}"
    assert world.log.warnings == [str(error)]


def test_a_cycle_of_tasks_is_told_once_nothing_else_can_happen(world):
    to_app, to_server = Flag("fence app 1:1", by=[world.app]), Flag("fence server 2:1", by=[world.server])
    world.clock.at(50, lambda: None)
    app = world.sched.spawn(world.app, world.wait, to_server)
    server = world.sched.spawn(world.server, lambda: (world.wait(to_app), world.raise_flag(to_server)))
    error = deadlock_of(world.sched.run)
    assert world.clock.now == 50
    assert str(error) == (
        "deadlock: server (pid 2) waits for fence app 1:1, to be signalled by app (pid 1), which waits for "
        "fence server 2:1, to be signalled by server (pid 2)"
    )
    assert error.chain == [world.server, to_app, world.app, to_server, world.server]
    assert server.error is error
    assert str(app.error) == (
        "app (pid 1) waits for ever for fence server 2:1, to be signalled by server (pid 2), "
        "which is not running"
    )


def test_an_event_may_still_signal_for_a_task_that_waits(world):
    fence = Flag("fence sw_sync 1:1", by=[world.app])
    world.raise_at(50, fence)
    with world.sched.running(world.app):
        assert world.wait(fence) == 1
    assert world.log.warnings == []


@pytest.mark.parametrize("comes", [True, False], ids=["input comes", "input never comes"])
def test_another_thread_of_a_task_may_still_signal(world, comes):
    fence, keys = Flag("fence sw_sync 1:1", by=[world.app]), Flag("keys")
    world.sched.spawn(world.app, lambda: (world.wait(keys), world.raise_flag(fence)))
    if comes:
        world.raise_at(5, keys)
    with world.sched.running(world.app):
        if comes:
            assert world.wait(fence) == 1
            return
        error = deadlock_of(world.wait, fence)
    assert str(error) == (
        "app (pid 1) waits for ever for fence sw_sync 1:1, to be signalled by app (pid 1), which waits for "
        "keys, which nobody is to signal"
    )


def test_a_cycle_of_threads_is_told_at_once_to_who_closes_it(world):
    a, b = Mutex(world.sched, "mutex A"), Mutex(world.sched, "mutex B")
    world.clock.at(50, lambda: None)

    def take(one: Mutex, two: Mutex) -> None:
        with one:
            world.sched.cond_resched()
            with two:
                world.say(f"has both, {two} last")

    app = world.sched.spawn(world.app, take, a, b)
    server = world.sched.spawn(world.server, take, b, a)
    error = deadlock_of(world.sched.run)
    assert world.clock.now == 0
    text = (
        "deadlock: server (pid 2) waits for mutex A, held by app (pid 1), which waits for mutex B, "
        "held by server (pid 2)"
    )
    assert str(error) == text
    assert error.chain == [server, a, app, b, server]
    assert (app.error, server.error) == (None, error)
    assert world.said == [(0, "has both, mutex B last")]
    assert world.log.warnings == [text]


def test_the_loser_of_a_cycle_frees_the_others_and_code_outside_goes_on(world):
    a, b, done = Mutex(world.sched, "mutex A"), Mutex(world.sched, "mutex B"), Flag("done")

    def take(one: Mutex, two: Mutex) -> None:
        with one:
            world.sched.cond_resched()
            with two:
                done.up = True

    world.sched.spawn(world.app, take, a, b)
    loser = world.sched.spawn(world.server, take, b, a)
    assert world.wait(done) == 1
    error = deadlock_of(loser.result)
    assert world.log.warnings == [str(error)]


def test_a_fence_whose_thread_needs_a_lock_of_the_waiter(world):
    """Row 21: the job that is to signal takes a lock that somebody holds while he waits for it."""
    resv = Mutex(world.sched, "resv")

    def job(fence: Flag) -> None:
        with resv:
            world.raise_flag(fence)

    with world.sched.running(world.app), resv:
        fence = Flag("fence drm-sched 3:7")
        worker = world.sched.kthread_run("drm-sched", job, fence)
        fence.by = [worker]
        error = deadlock_of(world.wait, fence)
    assert str(error) == (
        "deadlock: drm-sched waits for resv, held by app (pid 1), which waits for fence drm-sched 3:7, "
        "to be signalled by drm-sched"
    )


def test_a_thread_is_found_though_it_waits_as_another_task(world):
    resv, fence = Mutex(world.sched, "resv"), Flag("fence X")

    def call_server() -> None:
        with resv, world.sched.running(world.server):
            world.wait(fence)

    app = world.sched.spawn(world.app, call_server)
    fence.by = [world.sched.spawn(world.idler, resv.lock)]
    error = deadlock_of(world.sched.run)
    assert str(error) == (
        "deadlock: idler (pid 3) waits for resv, held by app (pid 1), which waits for fence X, "
        "to be signalled by idler (pid 3)"
    )
    assert error.chain[2] is app


def test_what_a_deadlocked_thread_left_behind_is_no_second_warning(world):
    mutex = Mutex(world.sched, "mutex A")

    def lock_twice() -> None:
        mutex.lock()
        mutex.lock()

    world.sched.spawn(world.app, lock_twice)
    error = deadlock_of(world.sched.run)
    assert world.log.warnings == [str(error)]


def test_a_deadlock_that_result_has_told_is_not_told_by_run_again(world):
    thread = world.sched.spawn(world.app, world.wait, Flag("fence X"))
    told = world.sched.spawn(world.server, lambda: deadlock_of(thread.result))
    world.sched.run()
    assert told.result() is thread.error


def test_a_lock_that_was_left_behind_names_who_left_it(world):
    mutex = Mutex(world.sched, "mutex A")
    with world.sched.running(world.app):
        mutex.lock()
    with world.sched.running(world.server):
        error = deadlock_of(mutex.lock)
    text = "server (pid 2) waits for ever for mutex A, held by app (pid 1), which is not running"
    assert str(error) == text


def test_who_joins_a_thread_that_hangs_is_told_why(world):
    thread = world.sched.spawn(world.app, world.wait, Flag("fence X"))
    error = deadlock_of(thread.result)
    assert str(error) == (
        "swapper (pid 0) waits for ever for the end of a thread, run by app (pid 1), which waits for "
        "fence X, which nobody is to signal"
    )


def test_threads_that_join_each_other_are_a_cycle(world):
    threads = []
    threads.append(world.sched.spawn(world.app, lambda: threads[1].result()))
    threads.append(world.sched.spawn(world.server, lambda: threads[0].result()))
    error = deadlock_of(world.sched.run)
    assert str(error) == (
        "deadlock: server (pid 2) waits for the end of a thread, run by app (pid 1), which waits for the end "
        "of a thread, run by server (pid 2)"
    )
    assert threads[0].error is error


def test_daemons_may_wait_for_ever_but_not_what_waits_for_them(world):
    worker = world.sched.kthread_run("kworker", world.wait, Flag("work"))
    world.sched.run()
    with world.sched.running(world.app):
        error = deadlock_of(world.wait, Flag("the result", by=[worker]))
    assert str(error) == (
        "app (pid 1) waits for ever for the result, to be signalled by kworker, which waits for work, "
        "which nobody is to signal"
    )
    assert not worker.done


@pytest.mark.parametrize(("option", "left"), [({"timeout": 9}, 0), ({"interruptible": True}, None)])
def test_a_cycle_that_a_timeout_or_a_signal_may_break_is_none_yet(world, option, left):
    mutex = Mutex(world.sched, "mutex A")
    out = Flag("a reply", by=[])

    def ask() -> int:
        with mutex:
            return world.wait(out, **option)

    thread = world.sched.spawn(world.app, ask)
    out.by = [thread]
    if left is None:
        world.raise_at(9, out)
    assert thread.result() == (1 if left is None else 0)
    assert world.log.warnings == []


# --- the watchdog ------------------------------------------------------------


def tick(world: World, period: int) -> None:
    world.clock.after(period, lambda: tick(world, period))


def test_a_wait_that_outlives_the_watchdog_is_given_up(world):
    tick(world, SECOND)
    with world.sched.running(world.app):
        error = deadlock_of(world.wait, Flag("fence X", by=[world.server]))
    why = "app (pid 1) waits for fence X, to be signalled by server (pid 2), which is not running"
    text = f"hung for 120 s: {why}"
    assert str(error) == text
    assert world.log.warnings == [text]
    assert world.clock.now == 120 * SECOND


def test_the_watchdog_ends_threads_too_but_no_daemons(world):
    tick(world, SECOND)
    world.sched.watchdog.hung_task_timeout = 5 * SECOND
    worker = world.sched.kthread_run("kworker", world.wait, Flag("work"))
    world.sched.spawn(world.app, world.wait, Flag("fence X"))
    error = deadlock_of(world.sched.run)
    assert str(error) == "hung for 5 s: app (pid 1) waits for fence X, which nobody is to signal"
    assert not worker.done


def test_the_watchdog_spares_waits_with_a_timeout_and_what_comes_late_but_comes(world):
    assert world.wait(Flag("fence X"), timeout=1000 * SECOND) == 0
    late = Flag("fence Y")
    world.raise_at(2000 * SECOND, late)
    assert world.wait(late) == 1
    assert world.log.warnings == []
