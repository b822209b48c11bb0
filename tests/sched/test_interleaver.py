"""Scheduling points, and an adversary that explores interleavings from a seed."""

from __future__ import annotations

import pytest

from soc.kernel.locking.mutex import Mutex
from soc.kernel.sched.interleaver import SeededInterleaver
from tests.sched.world import World, clean_world

SEEDS = range(40)


class Counter:
    """Two threads add to `value`, each as often as `rounds`; with `mutex` if it is right."""

    def __init__(self, world: World, mutex: Mutex | None, rounds: int = 3) -> None:
        self.value, self.rounds = 0, rounds
        self.sched, self.mutex = world.sched, mutex
        for task in (world.app, world.server):
            self.sched.spawn(task, self._add)

    def _add(self) -> None:
        for _ in range(self.rounds):
            if self.mutex is None:
                self._step()
            else:
                with self.mutex:
                    self._step()

    def _step(self) -> None:
        value = self.value
        self.sched.preempt("between load and store")
        self.value = value + 1


def outcome(seed: int, locked: bool, rate: float = 0.5) -> tuple[int, list[str]]:
    with clean_world() as world:
        counter = Counter(world, Mutex(world.sched, "counter") if locked else None)
        with SeededInterleaver(world.sched, seed, rate) as interleaver:
            world.sched.run()
        return counter.value, interleaver.trace


def test_without_an_adversary_nobody_is_preempted():
    with clean_world() as world:
        counter = Counter(world, None)
        world.sched.run()
        assert counter.value == 6


def test_some_seeds_find_a_lost_update_and_some_do_not():
    values = {outcome(seed, locked=False)[0] for seed in SEEDS}
    assert 6 in values
    assert min(values) < 6


def test_no_seed_finds_a_lost_update_under_a_lock():
    assert {outcome(seed, locked=True)[0] for seed in SEEDS} == {6}


def test_seeds_explore_different_interleavings():
    assert len({tuple(outcome(seed, locked=False)[1]) for seed in SEEDS}) > len(SEEDS) // 2


@pytest.mark.parametrize("locked", [False, True], ids=["racy", "locked"])
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_the_same_seed_gives_the_same_trace(seed, locked):
    assert outcome(seed, locked) == outcome(seed, locked)


def test_the_trace_tells_who_gave_way_where_and_who_ran():
    with clean_world() as world:
        Counter(world, None, rounds=1)
        with SeededInterleaver(world.sched, 0, rate=1.0) as interleaver:
            world.sched.run()
        ways = [line for line in interleaver.trace if "gives way" in line]
        assert sorted(ways) == [
            "app (pid 1) gives way at between load and store",
            "server (pid 2) gives way at between load and store",
        ]
        assert {"app (pid 1) runs", "server (pid 2) runs"} <= set(interleaver.trace)


def test_a_rate_of_0_never_preempts():
    assert {outcome(seed, locked=False, rate=0.0)[0] for seed in SEEDS} == {6}


def test_afterwards_everything_is_as_before():
    with clean_world() as world:
        places = []
        world.sched.on_preempt, before = places.append, world.sched.queue.choose
        with SeededInterleaver(world.sched, 0):
            world.sched.preempt("within")
        world.sched.preempt("after")
        assert places == ["after"]
        assert world.sched.queue.choose is before


def test_code_from_outside_gives_way_too():
    with clean_world() as world:
        world.sched.on_preempt = lambda place: world.sched.cond_resched()
        world.sched.spawn(world.server, world.say, "server")
        with world.sched.running(world.app):
            world.say("before")
            world.sched.preempt("copy_from_user")
            world.say("after")
        assert [text for _, text in world.said] == ["before", "server", "after"]


def test_atomic_sections_and_interrupts_are_not_preempted():
    with clean_world() as world:
        places = []
        world.sched.on_preempt = places.append
        with world.sched.atomic("under a spinlock"):
            world.sched.preempt("atomic")
        with world.sched.interrupt():
            world.sched.preempt("interrupt")
        world.sched.preempt("plain")
        assert places == ["plain"]


def test_what_the_adversary_does_itself_is_not_preempted():
    with clean_world() as world:
        places = []

        def adversary(place: str) -> None:
            places.append(place)
            with world.sched.running(world.server):
                world.sched.preempt("in the adversary")

        world.sched.on_preempt = adversary
        world.sched.preempt("kmalloc")
        world.sched.spawn(world.app, world.sched.preempt, "copy_to_user").result()
        assert places == ["kmalloc", "copy_to_user"]


def test_an_adversary_may_let_another_task_act_at_one_place():
    """As a test of a race does: at that very place somebody else's system call begins, and may block."""
    with clean_world() as world:
        mutex = Mutex(world.sched, "client->lock")

        def free() -> None:
            world.say("server frees")
            with mutex:
                world.say("server has the lock")

        def adversary(place: str) -> None:
            if place == "between lookup and use":
                world.sched.spawn(world.server, free)
                world.sched.run_ready()

        world.sched.on_preempt = adversary
        with world.sched.running(world.app):
            with mutex:
                world.sched.preempt("between lookup and use")
                world.say("app uses")
            world.sched.run_ready()
        assert [text for _, text in world.said] == ["server frees", "app uses", "server has the lock"]
