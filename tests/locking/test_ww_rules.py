"""The rules of acquire contexts: each breach is a WARN that names the context and the locks."""

from __future__ import annotations

from errno import EDEADLK

import pytest

from soc.kernel.errors import KernelError
from soc.kernel.locking.ww_context import WwAcquireCtx, WwClass
from soc.kernel.locking.ww_mutex import WwMutex
from tests.locking.wwworld import Party, WwWorld

CTX = "acquire context 1 of swapper (pid 0)"


def fini_with_locks(ww: WwWorld, ctx: WwAcquireCtx) -> None:
    ww.locks["A"].lock(ctx)
    ww.locks["B"].lock(ctx)
    ctx.fini()


def fini_twice(ww: WwWorld, ctx: WwAcquireCtx) -> None:
    ctx.fini()
    ctx.fini()


def lock_after_fini(ww: WwWorld, ctx: WwAcquireCtx) -> None:
    ctx.done()
    ctx.fini()
    ww.locks["A"].lock(ctx)


def lock_after_done(ww: WwWorld, ctx: WwAcquireCtx) -> None:
    ww.locks["A"].lock(ctx)
    ctx.done()
    ww.locks["B"].lock(ctx)


def trylock_after_done(ww: WwWorld, ctx: WwAcquireCtx) -> None:
    ctx.done()
    assert ww.locks["A"].trylock(ctx)


def done_twice(ww: WwWorld, ctx: WwAcquireCtx) -> None:
    ctx.done()
    ctx.done()


def slow_without_need(ww: WwWorld, ctx: WwAcquireCtx) -> None:
    ww.locks["A"].lock_slow(ctx)


def another_class(ww: WwWorld, ctx: WwAcquireCtx) -> None:
    WwMutex(ww.sched, "modeset lock", WwClass("crtc_ww_class")).lock(ctx)


def unlock_free(ww: WwWorld, ctx: WwAcquireCtx) -> None:
    ww.locks["A"].unlock()


def unlock_of_another(ww: WwWorld, ctx: WwAcquireCtx) -> None:
    ww.locks["A"].lock(ctx)
    with ww.sched.running(ww.world.app):
        ww.locks["A"].unlock()
    assert ctx.locks == []


def everything_right(ww: WwWorld, ctx: WwAcquireCtx) -> None:
    ww.lock_all("ABC", ctx)
    ctx.done()
    ww.unlock_all(ctx)
    ctx.fini()


RULES = {
    fini_with_locks: [f"{CTX} ends while it holds A", f"{CTX} ends while it holds B"],
    fini_twice: [f"{CTX} ends a second time"],
    lock_after_fini: [f"{CTX} takes A after its end"],
    lock_after_done: [f"{CTX} takes B after ww_acquire_done"],
    trylock_after_done: [f"{CTX} takes A after ww_acquire_done"],
    done_twice: [f"{CTX} is done a second time"],
    slow_without_need: [f"{CTX} takes A with lock_slow, but was not told to back off"],
    another_class: [f"{CTX} of class reservation_ww_class takes modeset lock of class crtc_ww_class"],
    unlock_free: ["swapper (pid 0) unlocks A, which nobody holds"],
    unlock_of_another: ["app (pid 1) unlocks A, which is held by swapper (pid 0)"],
    everything_right: [],
}


@pytest.mark.parametrize(("breach", "warnings"), RULES.items(), ids=[rule.__name__ for rule in RULES])
def test_a_breach_is_a_warning_and_only_a_breach(breach, warnings):
    with (ww := WwWorld()).sched:
        breach(ww, ww.context())
        assert ww.warnings == warnings


# --- after -EDEADLK ---------------------------------------------------------------


@pytest.fixture
def refused():
    """A younger party that holds B and was refused A."""
    with (ww := WwWorld()).sched:
        old, young = Party(ww, 1), Party(ww, 2)
        assert (old.lock("A"), young.lock("B"), young.lock("A")) == (0, 0, EDEADLK)
        yield ww, old, young


def test_the_right_way_back(refused):
    ww, old, young = refused
    young.unlock("B")
    assert young.do(lambda: ww.locks["A"].lock_slow(young.ctx)) is None
    old.unlock("A")
    assert (young.errno, young.ctx.contending_lock) == (0, None)
    assert young.lock("B") == 0
    assert ww.warnings == []


@pytest.mark.parametrize("call", ["lock", "lock_slow"])
def test_the_refused_lock_while_others_are_held(refused, call):
    ww, old, young = refused
    old.unlock("A")
    young.do(lambda: getattr(ww.locks["A"], call)(young.ctx))
    assert ww.warnings == ["acquire context 2 of p2 (pid 2) was told to back off at A, but still holds B"]


def test_another_lock_than_the_refused_one(refused):
    ww, _, young = refused
    young.unlock("B")
    assert young.lock("C") == 0
    assert ww.warnings == ["acquire context 2 of p2 (pid 2) takes C, but it was told to back off at A"]


# --- back-off for the sake of the test ------------------------------------------------


def back_offs(rounds: int, inject: bool) -> list[int]:
    """In which of many rounds a single party, whom nobody disturbs, must back off."""
    with (ww := WwWorld()).sched:
        ww.ww_class.inject = inject
        ctx, found = ww.context(), []
        for number in range(rounds):
            ww.lock_all("ABC", ctx, lambda _, number=number: found.append(number))
            ww.unlock_all(ctx)
        ctx.done()
        ctx.fini()
        assert ww.warnings == []
        return found


def test_injection_makes_a_lone_context_back_off_now_and_then():
    found = back_offs(100, inject=True)
    assert found
    assert back_offs(100, inject=True) == found
    gaps = [after - before for before, after in zip(found, found[1:], strict=False)]
    assert gaps == sorted(gaps)


def test_without_injection_a_lone_context_never_backs_off():
    assert back_offs(100, inject=False) == []


def test_injection_never_refuses_the_first_lock():
    with (ww := WwWorld()).sched:
        ww.ww_class.inject = True
        ctx = ww.context()
        for _ in range(50):
            ww.locks["A"].lock(ctx)
            ww.locks["A"].unlock()
        ww.locks["A"].lock(ctx)
        with pytest.raises(KernelError) as raised:
            for _ in range(50):
                ww.locks["B"].lock(ctx)
                ww.locks["B"].unlock()
        assert raised.value.errno == EDEADLK
        assert not ww.locks["B"].locked
