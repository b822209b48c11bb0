"""Threads: turns, results, errors, who runs, and what is left of them."""

from __future__ import annotations

import gc
import weakref

import pytest

from soc.kernel.errors import KernelBug, KernelError
from soc.kernel.sched.deadlock import Deadlock
from tests.sched.world import Flag, World, clean_world


def test_a_thread_starts_when_somebody_runs_or_waits_and_not_before():
    with clean_world() as world:
        thread = world.sched.spawn(world.app, world.say, "hello")
        assert (world.said, thread.done) == ([], False)
        world.sched.run()
        assert (world.said, thread.done) == ([(0, "hello")], True)


def test_the_result_of_a_thread_can_be_waited_for():
    with clean_world() as world:
        thread = world.sched.spawn(world.app, lambda a, b: a + b, 2, 3)
        assert thread.result() == 5
        assert thread.result() == 5


def test_threads_take_turns_in_the_order_they_began():
    with clean_world() as world:

        def steps(name: str) -> None:
            for step in range(3):
                world.say(f"{name}{step}")
                world.sched.cond_resched()

        for name, task in (("a", world.app), ("b", world.server), ("c", world.idler)):
            world.sched.spawn(task, steps, name)
        world.sched.run()
        assert [text for _, text in world.said] == [f"{name}{step}" for step in range(3) for name in "abc"]


def test_code_outside_waits_while_threads_wait_too():
    with clean_world() as world:
        first, second = Flag("first"), Flag("second")

        def relay() -> None:
            world.wait(first)
            world.say("relayed")
            second.up = True

        world.sched.spawn(world.app, relay)
        world.raise_at(30, first)
        assert world.wait(second) == 1
        assert world.said == [(30, "relayed")]


def test_a_thread_may_spawn_threads_and_wait_for_them():
    with clean_world() as world:

        def tree(depth: int) -> int:
            if depth == 0:
                world.sleep(10)
                return 1
            children = [world.sched.spawn(world.server, tree, depth - 1) for _ in range(2)]
            return sum(child.result() for child in children)

        assert world.sched.spawn(world.app, tree, 5).result() == 32
        assert world.clock.now == 10


def test_an_errno_is_for_who_asks_for_the_result():
    with clean_world() as world:

        def fail() -> None:
            raise KernelError(22, "no such thing")

        thread = world.sched.spawn(world.app, fail)
        world.sched.run()
        with pytest.raises(KernelError, match="^-EINVAL: no such thing$"):
            thread.result()


@pytest.mark.parametrize("daemon", [False, True])
def test_an_error_that_is_no_errno_reaches_who_drives(daemon):
    with clean_world() as world:
        thread = world.sched.spawn(world.app, lambda: [][0], daemon=daemon)
        other = world.sched.spawn(world.server, world.say, "unharmed")
        with pytest.raises(IndexError):
            world.sched.run()
        assert thread.done
        world.sched.run()
        assert other.done
        with pytest.raises(IndexError):
            thread.result()


def test_nobody_asks_a_daemon_so_its_errno_reaches_who_drives():
    with clean_world() as world:

        def fail() -> None:
            raise KernelError(5, "broken")

        world.sched.kthread_run("kworker", fail)
        with pytest.raises(KernelError, match="^-EIO: broken$"):
            world.wait(Flag("anything"))


def test_current_is_the_task_whose_code_runs():
    with clean_world() as world:
        sched, app, server = world.sched, world.app, world.server
        seen = []

        def look() -> None:
            seen.append((sched.current, str(sched.thread)))
            with sched.running(server):
                seen.append((sched.current, str(sched.thread)))
                world.sleep(5)
                seen.append((sched.current, str(sched.thread)))
            seen.append((sched.current, str(sched.thread)))

        assert (sched.current, str(sched.thread)) == (None, "swapper (pid 0)")
        with sched.running(app):
            assert sched.current is app
            with sched.running(server):
                assert sched.current is server
                sched.spawn(app, look).result()
                assert sched.current is server
            assert sched.current is app
        assert sched.current is None
        a, s = (app, "app (pid 1)"), (server, "server (pid 2)")
        assert seen == [a, s, s, a]


def test_a_kernel_thread_has_a_name_and_no_task():
    with clean_world() as world:
        thread = world.sched.kthread_run("ion_system_heap", lambda: world.say(str(world.sched.current)))
        assert str(thread) == "ion_system_heap"
        thread.result()
        assert world.said == [(0, "None")]


def test_code_of_one_task_from_outside_is_one_thread_each_time():
    with clean_world() as world:
        with world.sched.running(world.app):
            first = world.sched.thread
            with world.sched.running(world.app):
                assert world.sched.thread is first
        with world.sched.running(world.app):
            assert world.sched.thread is first


def test_code_of_a_task_that_waits_beneath_is_another_thread():
    with clean_world() as world:
        threads = []

        def event() -> None:
            with world.sched.running(world.app):
                threads.append(world.sched.thread)

        world.clock.at(5, event)
        with world.sched.running(world.app):
            threads.append(world.sched.thread)
            world.sleep(10)
        assert threads[0] is not threads[1]


def test_a_syscall_of_a_program_from_a_clock_event_may_wait():
    with clean_world() as world:
        flag = Flag("flag")

        def event() -> None:
            with world.sched.running(world.server):
                world.sleep(20)
                world.raise_flag(flag)

        world.clock.at(5, event)
        with world.sched.running(world.app):
            assert world.wait(flag, timeout=100) == 75


def test_run_does_not_wait_for_daemons_and_close_ends_them_quietly():
    with clean_world() as world:

        def worker() -> None:
            try:
                world.wait(Flag("work"))
            finally:
                world.say("gone")

        thread = world.sched.kthread_run("kworker", worker)
        world.sched.spawn(world.app, world.say, "done")
        world.sched.run()
        assert (world.said, thread.done) == ([(0, "done")], False)
        world.sched.close()
        assert (world.said[1:], thread.done) == ([(0, "gone")], True)


def test_a_thread_that_is_ended_cannot_wait_in_its_last_words():
    with clean_world() as world:
        said = []

        def stubborn() -> None:
            try:
                world.sleep(1_000)
            finally:
                assert not world.sched.cond_resched()
                try:
                    world.sleep(1_000)
                finally:
                    said.append(str(world.sched.thread))

        never_started = world.sched.spawn(world.server, world.say, "never")
        world.sched.spawn(world.app, stubborn)
        world.sched.queue.threads.reverse()
        world.sched.cond_resched()
        world.sched.close()
        assert said == ["app (pid 1)"]
        assert world.said == []
        assert never_started.done
        assert world.clock.now == 0


def test_after_close_nothing_of_the_world_is_left():
    def leave_a_thread(close: bool) -> weakref.ref[object]:
        world = World()

        def hold() -> None:
            world.wait(Flag("for ever"))

        world.sched.kthread_run("kworker", hold)
        world.sched.run_ready()
        if close:
            world.sched.close()
        return weakref.ref(world.sched)

    closed, open_ = leave_a_thread(close=True), leave_a_thread(close=False)
    gc.collect()
    assert closed() is None
    assert open_() is not None
    open_().close()


def test_run_ready_runs_what_can_go_on_and_lets_no_time_pass():
    with clean_world() as world:

        def work() -> None:
            world.say("one")
            world.sched.cond_resched()
            world.say("two")
            world.sleep(10)
            world.say("three")

        world.sched.spawn(world.app, work)
        world.sched.run_ready()
        assert world.said == [(0, "one"), (0, "two")]
        assert world.sched.next_deadline() == 10
        world.clock.advance(10)
        world.sched.run_ready()
        assert world.said[2:] == [(10, "three")]
        assert world.sched.next_deadline() is None


@pytest.mark.parametrize("call", ["run", "close"])
def test_only_code_outside_of_threads_and_interrupts_may_drive(call):
    with clean_world() as world:
        why = f"kernel BUG: %s calls {call}\\(\\), which is for code outside of threads and interrupts"
        thread = world.sched.spawn(world.app, lambda: getattr(world.sched, call)())
        with pytest.raises(KernelBug, match=why % r"app \(pid 1\)"):
            thread.result()
        world.clock.at(5, getattr(world.sched, call))
        with pytest.raises(KernelBug, match=why % "an interrupt"):
            world.sleep(10)


def test_the_first_deadlock_that_nobody_was_told_is_raised_by_run_once():
    world = World()
    with world.sched:
        first = world.sched.spawn(world.app, world.wait, Flag("A"))
        second = world.sched.spawn(world.server, world.wait, Flag("B"))
        with pytest.raises(Deadlock) as raised:
            world.sched.run()
        assert raised.value is first.error
        assert str(raised.value) == "app (pid 1) waits for ever for A, which nobody is to signal"
        world.sched.run()
        with pytest.raises(
            Deadlock, match=r"^server \(pid 2\) waits for ever for B, which nobody is to signal$"
        ):
            second.result()
