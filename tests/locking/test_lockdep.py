"""lockdep: orders that could meet in a deadlock are told, though nobody was blocked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.kernel.locking.lockdep import LockClass, lock_acquire, lock_release, might, prime
from soc.kernel.locking.mutex import Mutex
from soc.kernel.locking.ww_context import WwAcquireCtx, WwClass
from soc.kernel.locking.ww_mutex import WwMutex
from soc.kernel.sched.deadlock import Deadlock
from tests.sched.world import World, clean_world


def mutexes(world: World, names: str) -> dict[str, Mutex]:
    return {name: Mutex(world.sched, f"mutex {name}", LockClass(f"class {name}")) for name in names}


def take(world: World, locks: dict[str, Mutex], order: str) -> None:
    """Take them in this order, then give them back."""
    with world.sched.running(world.app):
        for name in order:
            locks[name].lock()
        for name in reversed(order):
            locks[name].unlock()


def test_two_orders_of_two_classes_are_told_once():
    world = World()
    locks = mutexes(world, "ab")
    take(world, locks, "ab")
    assert world.log.warnings == []
    take(world, locks, "ba")
    take(world, locks, "ba")
    text = (
        "possible circular locking dependency: app (pid 1) takes mutex a (class a) while it holds "
        "mutex b (class b), but the order is class a -> class b"
    )
    assert world.log.warnings == [text]


def test_a_long_way_round_is_found():
    world = World()
    locks = mutexes(world, "abcd")
    for order in ("ab", "bc", "cd", "da"):
        take(world, locks, order)
    text = (
        "possible circular locking dependency: app (pid 1) takes mutex a (class a) while it holds "
        "mutex d (class d), but the order is class a -> class b -> class c -> class d"
    )
    assert world.log.warnings == [text]


@given(st.lists(st.text("abcde", max_size=4), max_size=12))
def test_it_warns_exactly_if_the_orders_have_a_cycle(orders):
    world = World()
    locks = mutexes(world, "abcde")
    orders = ["".join(dict.fromkeys(order)) for order in orders]
    for order in orders:
        take(world, locks, order)
    inside = {(a, b) for order in orders for i, a in enumerate(order) for b in order[i + 1 :]}
    for middle in "abcde":
        inside |= {(a, b) for a in "abcde" for b in "abcde" if {(a, middle), (middle, b)} <= inside}
    assert bool(world.log.warnings) == any((name, name) in inside for name in "abcde")


def test_a_trylock_cannot_hang_but_what_is_taken_inside_it_counts():
    world = World()
    locks = mutexes(world, "ab")
    take(world, locks, "ab")
    with world.sched.running(world.app):
        with locks["b"]:
            assert locks["a"].trylock()
            locks["a"].unlock()
        assert world.log.warnings == []
        assert locks["b"].trylock()
        locks["a"].lock()
    assert len(world.log.warnings) == 1


def test_locks_without_a_class_are_not_watched():
    with clean_world() as world:
        a, b = Mutex(world.sched, "a"), Mutex(world.sched, "b")
        take(world, {"a": a, "b": b}, "ab")
        take(world, {"a": a, "b": b}, "ba")


def test_two_locks_of_one_class_are_told():
    world = World()
    objects = LockClass("object lock")
    first, second = (Mutex(world.sched, f"lock of object {n}", objects) for n in (1, 2))
    with world.sched.running(world.app), first, second:
        pass
    assert world.log.warnings == [
        "possible recursive locking: app (pid 1) takes lock of object 2 while it holds lock of object 1, "
        "both of class object lock"
    ]


def test_the_same_lock_twice_is_a_deadlock_and_no_matter_of_classes():
    world = World()
    mutex = Mutex(world.sched, "mutex a", LockClass("class a"))
    with pytest.raises(Deadlock), mutex:
        mutex.lock()
    assert world.log.warnings == ["deadlock: swapper (pid 0) waits for mutex a, held by swapper (pid 0)"]


@pytest.mark.parametrize(
    ("contexts", "warnings"), [((0, 0), 0), ((0, 1), 1), ((0, None), 1), ((None, None), 1)]
)
def test_ww_mutexes_of_one_context_may_be_taken_together(contexts, warnings):
    world = World()
    resv = WwClass("reservation_ww_class")
    a, b = WwMutex(world.sched, "A", resv), WwMutex(world.sched, "B", resv)
    ctx = {0: WwAcquireCtx(world.sched, resv), 1: WwAcquireCtx(world.sched, resv), None: None}
    a.lock(ctx[contexts[0]])
    b.lock(ctx[contexts[1]])
    text = "possible recursive locking: swapper (pid 0) takes B while it holds A, both of class"
    assert world.log.warnings == [f"{text} reservation_ww_class"] * warnings


# --- sections and what waits -----------------------------------------------------


def fences(world: World) -> tuple[LockClass, LockClass, LockClass]:
    """A lock under which one may wait for memory, and for memory one may wait for a fence."""
    resv, reclaim, fence = LockClass("resv"), LockClass("fs_reclaim"), LockClass("dma_fence_map")
    prime(resv, reclaim, fence)
    return resv, reclaim, fence


def test_in_a_section_nothing_may_be_taken_that_comes_before_it():
    world = World()
    resv, reclaim, fence = fences(world)
    with world.sched.running(world.app):
        lock_acquire(world.sched.thread, "the signalling section", fence)
        might(world.sched, reclaim, "allocates struct job")
        Mutex(world.sched, "resv of buffer 1", resv).lock()
    head, where = (
        "possible circular locking dependency: app (pid 1)",
        "the signalling section (dma_fence_map)",
    )
    assert world.log.warnings == [
        f"{head} allocates struct job (fs_reclaim) while it holds {where}, but the order is "
        "fs_reclaim -> dma_fence_map",
        f"{head} takes resv of buffer 1 (resv) while it holds {where}, but the order is "
        "resv -> fs_reclaim -> dma_fence_map",
    ]


def test_in_the_other_order_everything_is_well():
    with clean_world() as world:
        resv, reclaim, fence = fences(world)
        with Mutex(world.sched, "resv of buffer 1", resv):
            might(world.sched, reclaim, "allocates struct job")
            might(world.sched, fence, "waits for fence 1:1")
            lock_acquire(world.sched.thread, "the signalling section", fence)
            might(world.sched, fence, "waits for fence 2:1")
            lock_release(world.sched.thread, "the signalling section")
        might(world.sched, resv, "takes any resv")


def test_a_lock_that_is_held_during_a_wait_must_not_be_taken_on_the_way_to_signalling():
    """The deadlock that goes from one thread to another: nobody ever held both."""
    world = World()
    _, _, fence = fences(world)
    mutex = Mutex(world.sched, "queue lock", LockClass("queue"))
    with world.sched.running(world.app), mutex:
        might(world.sched, fence, "waits for fence 1:1")
    with world.sched.running(world.server):
        lock_acquire(world.sched.thread, "the interrupt", fence)
        with mutex:
            pass
        lock_release(world.sched.thread, "the interrupt")
    assert world.log.warnings == [
        "possible circular locking dependency: server (pid 2) takes queue lock (queue) while it holds "
        "the interrupt (dma_fence_map), but the order is queue -> dma_fence_map"
    ]
