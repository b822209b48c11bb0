"""Mutexes: who has it, who gets it next, and what is wrong with how it is used."""

from __future__ import annotations

import pytest

from soc.kernel.errors import KernelBug, KernelError
from soc.kernel.locking.mutex import Mutex
from soc.kernel.sched.deadlock import Deadlock
from tests.sched.world import Flag, World, clean_world


def test_lock_and_unlock():
    with clean_world() as world:
        mutex = Mutex(world.sched, "mutex A")
        assert (mutex.locked, mutex.held, mutex.blockers()) == (False, False, [])
        with world.sched.running(world.app):
            mutex.lock()
            thread = world.sched.thread
            assert (mutex.locked, mutex.held, mutex.owner) == (True, True, thread)
        assert (mutex.locked, mutex.held, mutex.blockers()) == (True, False, [thread])
        with world.sched.running(world.app):
            mutex.unlock()
        assert (mutex.locked, mutex.owner, thread.held) == (False, None, [])


def test_trylock_never_waits():
    with clean_world() as world:
        mutex = Mutex(world.sched, "mutex A")
        with world.sched.running(world.app):
            assert mutex.trylock()
            assert not mutex.trylock()
        with world.sched.running(world.server):
            assert not mutex.trylock()
        with world.sched.running(world.app):
            mutex.unlock()
        with world.sched.running(world.server):
            assert mutex.trylock()
            mutex.unlock()


def test_it_goes_from_hand_to_hand_in_the_order_of_asking():
    with clean_world() as world:
        mutex = Mutex(world.sched, "mutex A")

        def work(name: str) -> None:
            for _ in range(2):
                with mutex:
                    world.say(name)
                    world.sleep(1)

        for name in "abc":
            world.sched.spawn(world.app, work, name)
        world.sched.run()
        assert [text for _, text in world.said] == list("abcabc")


def test_threads_of_one_task_exclude_each_other():
    with clean_world() as world:
        mutex, inside = Mutex(world.sched, "mutex A"), []

        def work() -> None:
            with mutex:
                inside.append(1)
                world.sched.cond_resched()
                assert inside.pop() == 1
                assert inside == []

        for _ in range(4):
            world.sched.spawn(world.app, work)
        world.sched.run()


def test_code_outside_waits_for_a_thread_that_has_it():
    with clean_world() as world:
        mutex = Mutex(world.sched, "mutex A")

        def hold() -> None:
            with mutex:
                world.sleep(10)

        world.sched.spawn(world.app, hold)
        world.sched.run_ready()
        with world.sched.running(world.server), mutex:
            assert world.clock.now == 10


def test_an_exception_unlocks():
    with clean_world() as world:
        mutex = Mutex(world.sched, "mutex A")
        with pytest.raises(KernelError), mutex:
            raise KernelError(22, "no")
        assert not mutex.locked


def test_lock_and_unlock_are_scheduling_points_and_trylock_is_none():
    with clean_world() as world:
        places = []
        world.sched.on_preempt = places.append
        mutex = Mutex(world.sched, "mutex A")
        with mutex:
            assert not mutex.trylock()
        assert places == ["lock mutex A", "unlock mutex A"]
        mutex.lock_interruptible()
        mutex.unlock()
        assert places[2:] == places[:2]


# --- signals ----------------------------------------------------------------


@pytest.mark.parametrize("when", [0, 5], ids=["pending before", "comes while it waits"])
def test_lock_interruptible_ends_with_eintr(when):
    with clean_world() as world:
        mutex = Mutex(world.sched, "mutex A")
        mutex.lock()
        world.clock.at(when, lambda: setattr(world.app, "signal_pending", True))
        thread = world.sched.spawn(world.app, mutex.lock_interruptible)
        with pytest.raises(
            KernelError, match=r"^-EINTR: app \(pid 1\): a signal ended the wait for mutex A$"
        ):
            thread.result()
        assert world.clock.now == when
        mutex.unlock()
        assert not mutex.locked


def test_a_pending_signal_does_not_matter_to_a_free_mutex_nor_to_lock():
    with clean_world() as world:
        mutex = Mutex(world.sched, "mutex A")
        world.app.signal_pending = True
        with world.sched.running(world.app):
            mutex.lock_interruptible()
        thread = world.sched.spawn(world.app, lambda: (mutex.lock(), mutex.unlock()))
        world.sched.run_ready()
        assert not thread.done
        with world.sched.running(world.app):
            mutex.unlock()
        thread.result()


# --- misuse -------------------------------------------------------------------


@pytest.mark.parametrize("place", ["outside", "thread"])
@pytest.mark.parametrize("call", ["lock", "lock_interruptible"])
def test_a_second_lock_by_its_owner_is_a_deadlock_that_names_it(call, place):
    world = World()
    mutex = Mutex(world.sched, "mutex A")

    def twice() -> None:
        with mutex:
            getattr(mutex, call)()

    with pytest.raises(Deadlock) as raised:
        if place == "thread":
            world.sched.spawn(world.app, twice).result()
        else:
            with world.sched.running(world.app):
                twice()
    text = "deadlock: app (pid 1) waits for mutex A, held by app (pid 1)"
    assert str(raised.value) == text
    assert world.log.warnings == [text]
    assert not mutex.locked


def test_unlock_of_what_nobody_holds_is_a_warning():
    world = World()
    Mutex(world.sched, "mutex A").unlock()
    assert world.log.warnings == ["swapper (pid 0) unlocks mutex A, which nobody holds"]


def test_unlock_by_another_is_a_warning_and_the_owner_loses_it():
    world = World()
    mutex = Mutex(world.sched, "mutex A")
    with world.sched.running(world.app):
        mutex.lock()
    with world.sched.running(world.server):
        mutex.unlock()
    assert world.log.warnings == ["server (pid 2) unlocks mutex A, which is held by app (pid 1)"]
    assert not mutex.locked


def test_lock_in_atomic_context_is_a_warning_and_a_bug_if_it_has_to_wait():
    world = World()
    mutex = Mutex(world.sched, "mutex A")
    sleeping = (
        "sleeping function called from invalid context: an interrupt in interrupt context: lock mutex A"
    )
    with world.sched.interrupt():
        mutex.lock()
        mutex.unlock()
    assert world.log.warnings == [sleeping]
    mutex.lock()
    with world.sched.interrupt(), pytest.raises(KernelBug):
        mutex.lock()
    why = "scheduling while atomic: an interrupt in interrupt context: wait for mutex A"
    assert world.log.warnings == [sleeping, sleeping, why]


def test_a_thread_that_ends_with_a_lock_is_a_warning():
    world = World()
    mutex = Mutex(world.sched, "mutex A")

    def forget() -> None:
        mutex.lock()
        raise KernelError(22, "an error path that forgot it")

    world.sched.spawn(world.app, forget)
    world.sched.run()
    assert world.log.warnings == ["app (pid 1) ends while it holds mutex A"]


def test_threads_that_are_ended_by_force_leave_no_lock_behind_and_no_warning():
    with clean_world() as world:
        mutex = Mutex(world.sched, "mutex A")

        def hold() -> None:
            with mutex:
                world.wait(Flag("for ever"))

        for _ in range(3):
            world.sched.spawn(world.app, hold, daemon=True)
        world.sched.run_ready()
        world.sched.close()
        assert not mutex.locked
