"""Threads that take random locks in random orders under a random interleaving.

With contexts that back off they always come to an end. With mutexes they may not, and then
the Deadlock names exactly those who wait for each other, as an oracle outside of the scheduler finds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.kernel.locking.mutex import Mutex
from soc.kernel.sched.deadlock import Deadlock
from soc.kernel.sched.interleaver import SeededInterleaver
from soc.kernel.sched.thread import Thread
from tests.locking.wwworld import WwWorld
from tests.sched.world import Program, World

LOCKS = "ABCDE"
ORDERS = st.lists(
    st.lists(st.sampled_from(LOCKS), min_size=1, max_size=5, unique=True), min_size=2, max_size=5
)
SEEDS = st.integers(0, 2**32)


@dataclass
class Plain:
    """Mutexes, and what the oracle knows: who waits for which, noted by the threads themselves."""

    world: World = field(default_factory=World)
    wants: dict[Thread, Mutex] = field(default_factory=dict)
    truth: list[list[Thread]] = field(default_factory=list)
    finished: int = 0

    def __post_init__(self) -> None:
        self.locks = {name: Mutex(self.world.sched, name) for name in LOCKS}
        self.world.log.sink = lambda line: self.truth.append(self.ring())

    def ring(self) -> list[Thread]:
        """Those who wait in a ring, by following owners from everyone who wants something."""
        rings = []
        for start in self.wants:
            node, path = start, []
            while node in self.wants and node not in path:
                path.append(node)
                node = self.wants[node].owner
            if node is start:
                rings.append(path)
        return rings[0] if rings else []

    def work(self, order: list[str]) -> None:
        if not order:
            self.world.sched.preempt("at work")
            self.finished += 1
            return
        mutex, me = self.locks[order[0]], self.world.sched.thread
        self.wants[me] = mutex
        try:
            mutex.lock()
        finally:
            del self.wants[me]
        try:
            self.work(order[1:])
        finally:
            mutex.unlock()


def run_plain(orders: list[list[str]], seed: int) -> tuple[Plain, list]:
    plain = Plain()
    with plain.world.sched as sched, SeededInterleaver(sched, seed):
        threads = [sched.spawn(Program(f"p{n}", n), plain.work, order) for n, order in enumerate(orders, 1)]
        try:
            sched.run()
        except Deadlock as error:
            assert error in [thread.error for thread in threads]
    return plain, threads


@given(ORDERS, SEEDS)
def test_a_deadlock_of_mutexes_names_exactly_the_true_cycle(orders, seed):
    plain, threads = run_plain(orders, seed)
    errors = sorted(
        (t.error for t in threads if t.error), key=lambda e: plain.world.log.warnings.index(str(e))
    )
    assert [str(error) for error in errors] == plain.world.log.warnings
    assert plain.finished + len(errors) == len(threads)
    for error, ring in zip(errors, plain.truth, strict=True):
        named = error.chain[:-1:2]
        assert set(named) == set(ring)
        assert len(named) == len(ring)
        assert error.chain[0] is error.chain[-1]
        assert error.chain[0].error is error
    assert not any(lock.locked for lock in plain.locks.values())


@given(ORDERS, SEEDS)
def test_mutexes_taken_in_one_order_never_deadlock(orders, seed):
    plain, threads = run_plain([sorted(order) for order in orders], seed)
    assert plain.finished == len(threads)
    assert plain.world.log.warnings == []


def test_some_seeds_meet_a_deadlock_and_some_do_not():
    met = [bool(run_plain([["A", "B"], ["B", "A"]], seed)[0].truth) for seed in range(20)]
    assert set(met) == {True, False}


@pytest.mark.parametrize("inject", [False, True], ids=["", "injected"])
@pytest.mark.parametrize("wait_die", [True, False], ids=["wait-die", "wound-wait"])
@given(orders=ORDERS, seed=SEEDS, rounds=st.integers(1, 3))
def test_contexts_that_back_off_always_come_to_an_end(wait_die, inject, orders, seed, rounds):
    ww = WwWorld(wait_die)
    ww.ww_class.inject = inject
    owners: dict[str, Thread] = {}
    finished = []

    def work(order: list[str]) -> None:
        for _ in range(rounds):
            ctx = ww.context()
            ww.lock_all("".join(order), ctx)
            ctx.done()
            me = ww.sched.thread
            assert not owners.keys() & set(order)
            owners.update(dict.fromkeys(order, me))
            ww.sched.preempt("at work")
            for name in order:
                assert owners.pop(name) is me
            ww.unlock_all(ctx)
            ctx.fini()
        finished.append(me)

    with ww.sched, SeededInterleaver(ww.sched, seed):
        threads = [ww.sched.spawn(Program(f"p{n}", n), work, order) for n, order in enumerate(orders, 1)]
        ww.sched.run()
    assert set(finished) == set(threads)
    assert ww.warnings == []
    assert not any(lock.locked for lock in ww.locks.values())


def test_the_same_seed_gives_the_same_run():
    def trace(seed: int) -> list[str]:
        plain = Plain()
        with plain.world.sched as sched, SeededInterleaver(sched, seed) as interleaver:
            for n, order in enumerate(("ABC", "CBA", "BAC"), 1):
                sched.spawn(Program(f"p{n}", n), plain.work, list(order))
            try:
                sched.run()
            except Deadlock as error:
                interleaver.trace.append(str(error))
        return interleaver.trace

    assert [trace(seed) for seed in range(10)] == [trace(seed) for seed in range(10)]
    assert len({tuple(trace(seed)) for seed in range(10)}) > 1
