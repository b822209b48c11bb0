"""ww_mutexes: who waits, who backs off, who gets the lock next."""

from __future__ import annotations

from errno import EALREADY, EDEADLK, EINTR

import pytest

from soc.kernel.errors import KernelError
from soc.kernel.locking.mutex import Mutex
from soc.kernel.sched.deadlock import Deadlock
from tests.locking.wwworld import Party, WwWorld

BOTH = pytest.mark.parametrize("wait_die", [True, False], ids=["wait-die", "wound-wait"])


@pytest.fixture
def ww():
    with (ww := WwWorld()).sched:
        yield ww


@BOTH
def test_one_context_takes_many_locks_and_gives_them_back(wait_die):
    ww = WwWorld(wait_die)
    ctx = ww.context()
    for lock in ww.locks.values():
        lock.lock(ctx)
        assert (lock.ctx, lock.held) == (ctx, True)
    ctx.done()
    assert ctx.locks == list(ww.locks.values())
    for lock in ww.locks.values():
        lock.unlock()
        assert (lock.ctx, lock.locked) == (None, False)
    ctx.fini()
    assert ww.warnings == []


def test_the_same_lock_twice_in_one_context_is_already_had(ww):
    ctx = ww.context()
    ww.locks["A"].lock(ctx)
    for call in (ww.locks["A"].lock, ww.locks["A"].lock_interruptible):
        with pytest.raises(KernelError) as raised:
            call(ctx)
        assert raised.value.errno == EALREADY
        assert str(raised.value) == "-EALREADY: acquire context 1 of swapper (pid 0) has A"
    assert ctx.locks == [ww.locks["A"]]
    assert ww.warnings == []


@pytest.mark.parametrize("first", [False, True], ids=["first without", "first with context"])
def test_without_a_context_a_second_lock_by_its_owner_hangs(ww, first):
    lock = ww.locks["A"]
    with ww.sched.running(ww.world.app):
        lock.lock(ww.context() if first else None)
        with pytest.raises(Deadlock) as raised:
            lock.lock()
    assert str(raised.value) == "deadlock: app (pid 1) waits for A, held by app (pid 1)"


def test_the_lock_of_ones_own_other_context_hangs(ww):
    ww.locks["A"].lock(ww.context())
    with pytest.raises(Deadlock, match="^deadlock: swapper .* waits for A, held by swapper"):
        ww.locks["A"].lock(ww.context())


# --- who backs off: (stamp of the holder, stamp of who asks, whether he has another lock) ----------

MEETINGS = {
    # holder, asker, has another -> wait-die, wound-wait: what the asker gets, whether the holder is wounded
    "older meets younger": (2, 1, True, (None, False), (None, True)),
    "younger meets older": (1, 2, True, (EDEADLK, False), (None, False)),
    "older without locks meets younger": (2, 1, False, (None, False), (None, False)),
    "younger without locks meets older": (1, 2, False, (None, False), (None, False)),
}


@BOTH
@pytest.mark.parametrize(("holder", "asker", "more", "die", "wound"), MEETINGS.values(), ids=MEETINGS)
def test_two_contexts_meet(wait_die, holder, asker, more, die, wound):
    with (ww := WwWorld(wait_die)).sched:
        parties = {number: Party(ww, number) for number in (1, 2)}
        assert parties[holder].lock("A") == 0
        if more:
            assert parties[asker].lock("B") == 0
        got, wounded = die if wait_die else wound
        assert parties[asker].lock("A") == got
        assert parties[holder].ctx.wounded == wounded
        assert parties[asker].ctx.contending_lock is (ww.locks["A"] if got else None)
        parties[holder].unlock("A")
        assert parties[asker].errno == (got or 0)
        assert ww.warnings == []


@BOTH
@pytest.mark.parametrize("late", [1, 2], ids=["the older one closes it", "the younger one closes it"])
def test_of_a_cycle_the_younger_backs_off_and_the_older_goes_on(wait_die, late):
    with (ww := WwWorld(wait_die)).sched:
        old, young = Party(ww, 1), Party(ww, 2)
        assert (old.lock("A"), young.lock("B")) == (0, 0)
        steps = [(old, "B"), (young, "A")]
        for party, name in steps if late == 2 else steps[::-1]:
            party.lock(name)
        assert (old.errno, young.errno) == (None, EDEADLK)
        young.unlock("B")
        assert (old.errno, ww.locks["B"].owner) == (0, old.thread)
        assert young.do(lambda: ww.locks["A"].lock_slow(young.ctx)) is None
        old.unlock("A")
        old.unlock("B")
        assert (young.errno, young.lock("B")) == (0, 0)
        assert ww.warnings == []


def test_the_message_of_a_back_off_names_all_parties(ww):
    old, young = Party(ww, 1), Party(ww, 2)
    old.lock("A")
    young.lock("B")
    said = []

    def attempt() -> None:
        try:
            ww.locks["A"].lock(young.ctx)
        except KernelError as error:
            said.append(str(error))

    young.do(attempt)
    held_by = "held by acquire context 1 of p1 (pid 1)"
    assert said == [f"-EDEADLK: acquire context 2 of p2 (pid 2) must back off at A, {held_by}"]


def test_wait_die_a_younger_one_does_not_queue_behind_an_older_one(ww):
    middle, old, young = (Party(ww, number) for number in (1, 2, 3))
    holder = Party(ww, 4)
    assert holder.lock("A") == 0
    assert old.lock("A") is None
    assert (young.lock("B"), young.lock("A")) == (0, EDEADLK)
    assert (middle.lock("C"), middle.lock("A")) == (0, None)
    assert ww.warnings == []


def test_wait_die_a_waiter_dies_when_an_older_one_queues(ww):
    old, young, holder = (Party(ww, number) for number in (1, 2, 3))
    assert holder.lock("A") == 0
    assert (young.lock("B"), young.lock("A")) == (0, None)
    assert old.lock("A") is None
    assert (young.errno, young.ctx.contending_lock) == (EDEADLK, ww.locks["A"])


def test_wound_wait_a_holder_is_wounded_and_dies_at_its_next_wait_only():
    with (ww := WwWorld(wait_die=False)).sched:
        old, young, other = (Party(ww, number) for number in (1, 2, 3))
        assert (young.lock("A"), other.lock("C"), old.lock("B"), old.lock("A")) == (0, 0, 0, None)
        assert young.ctx.wounded
        assert young.lock("D") == 0
        assert young.lock("C") == EDEADLK
        young.unlock("D")
        young.unlock("A")
        assert old.errno == 0
        assert young.lock("E") == 0
        assert not young.ctx.wounded


def test_wound_wait_a_new_holder_is_wounded_by_who_waits_already():
    with (ww := WwWorld(wait_die=False)).sched:
        old, young, holder = Party(ww, 1), Party(ww, 2), Party(ww, 3, with_ctx=False)
        assert (holder.lock("A"), old.lock("B")) == (0, 0)
        young.do(lambda: ww.locks["A"].lock(young.ctx))
        assert old.lock("A") is None
        assert not young.ctx.wounded
        holder.unlock("A")
        assert (old.errno, young.errno) == (0, None)


def test_contexts_queue_by_age_and_who_has_none_keeps_his_place(ww):
    parties = [Party(ww, number, with_ctx=number != 9) for number in (1, 2, 3, 9)]
    one, two, three, none = parties
    holder = Party(ww, 10)
    assert holder.lock("A") == 0
    for party in (three, none, one, two):
        assert party.lock("A") is None
    order = []
    current = holder
    for _ in range(4):
        current.unlock("A")
        current = next(party for party in parties if ww.locks["A"].owner is party.thread)
        order.append(current)
    assert order == [one, two, three, none]


def test_without_contexts_it_is_a_mutex(ww):
    one, two = Party(ww, 1, with_ctx=False), Party(ww, 2, with_ctx=False)
    assert (one.lock("A"), two.lock("A")) == (0, None)
    one.unlock("A")
    assert two.errno == 0
    assert ww.locks["A"].ctx is None


@pytest.mark.parametrize("with_ctx", [True, False])
def test_trylock(ww, with_ctx):
    party = Party(ww, 1)
    ctx = ww.context() if with_ctx else None
    assert ww.locks["A"].trylock(ctx)
    assert ww.locks["A"].ctx is ctx
    assert not ww.locks["A"].trylock(ctx)
    assert party.lock("A") is None
    ww.locks["A"].unlock()
    ww.sched.run_ready()
    assert party.errno == 0
    assert not ww.locks["A"].trylock(ctx)


@pytest.mark.parametrize("call", ["lock_interruptible", "lock_slow_interruptible"])
def test_a_signal_ends_interruptible_locks(ww, call):
    old, young = Party(ww, 1), Party(ww, 2)
    assert (old.lock("A"), young.lock("B"), young.lock("A")) == (0, 0, EDEADLK)
    young.unlock("B")
    if call == "lock_interruptible":
        young.ctx = ww.context()
    assert young.do(lambda: getattr(ww.locks["A"], call)(young.ctx)) is None
    young.task.signal_pending = True
    ww.sched.run_ready()
    assert young.errno == EINTR
    young.task.signal_pending = False
    old.unlock("A")
    assert not ww.locks["A"].locked
    assert ww.warnings == []


def test_a_ww_mutex_and_a_mutex_in_a_ring_are_a_deadlock():
    """No context helps where a lock without one closes the cycle."""
    with (ww := WwWorld()).sched:
        plain = Mutex(ww.sched, "plain")
        one, two = Party(ww, 1), Party(ww, 2)
        assert (one.lock("A"), two.do(plain.lock)) == (0, 0)
        assert two.lock("A") is None
        with pytest.raises(Deadlock, match="plain.*A"):
            one.do(plain.lock)
