"""The ww lock of a dma_resv: SEMANTICS 1.8, checklist row 34. Who backs off, who hangs, who finishes."""

from __future__ import annotations

from errno import EALREADY, EDEADLK, EINTR
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.dmabuf.resv import DmaResv, dma_resv_acquire_ctx
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from soc.kernel.sched.deadlock import Deadlock
from tests.conftest import CountFuzz
from tests.fence.bench import make_kernel


@pytest.fixture
def resvs(kernel: KernelCore) -> list[DmaResv]:
    return [DmaResv(kernel, name) for name in ("camera", "display", "codec")]


def test_held_is_of_the_running_thread(kernel: KernelCore, resvs: list[DmaResv]) -> None:
    app = kernel.process("app")
    with kernel.sched.running(app):
        resvs[0].lock()
        assert resvs[0].held
    assert not resvs[0].held
    with kernel.sched.running(app):
        resvs[0].unlock()
    assert (resvs[0].held, kernel.log.warnings) == (False, [])


def test_trylock_takes_only_a_free_lock(kernel: KernelCore, resvs: list[DmaResv]) -> None:
    app = kernel.process("app")
    assert resvs[0].trylock()
    with kernel.sched.running(app):
        assert not resvs[0].trylock()
    resvs[0].unlock()


def test_a_context_takes_several_locks_in_any_order(kernel: KernelCore, resvs: list[DmaResv]) -> None:
    for order in (resvs, resvs[::-1]):
        ctx = dma_resv_acquire_ctx(kernel)
        for resv in order:
            resv.lock(ctx)
        ctx.done()
        for resv in resvs:
            resv.unlock()
        ctx.fini()
    assert kernel.log.warnings == []


def test_the_same_lock_twice_with_a_context_is_ealready(kernel: KernelCore, resvs: list[DmaResv]) -> None:
    ctx = dma_resv_acquire_ctx(kernel)
    resvs[0].lock(ctx)
    with pytest.raises(KernelError) as refused:
        resvs[0].lock(ctx)
    assert refused.value.errno == EALREADY


def test_the_same_lock_twice_without_a_context_hangs_and_is_named(
    kernel: KernelCore, resvs: list[DmaResv]
) -> None:
    app = kernel.process("app")
    with kernel.sched.running(app):
        resvs[0].lock()
        with pytest.raises(Deadlock) as found:
            resvs[0].lock()
    assert str(found.value) == (
        "deadlock: app (pid 100) waits for dma_resv lock of camera, held by app (pid 100)"
    )


def test_two_locks_without_a_context_are_warned_about(kernel: KernelCore, resvs: list[DmaResv]) -> None:
    with resvs[0].locked(), resvs[1].locked():
        pass
    assert len(kernel.log.warnings) == 1
    assert "recursive locking" in kernel.log.warnings[0]


def test_a_signal_ends_an_interruptible_lock(kernel: KernelCore, resvs: list[DmaResv]) -> None:
    app = kernel.process("app")
    app.send_signal()
    with resvs[0].locked(), kernel.sched.running(app), pytest.raises(KernelError) as ended:
        resvs[0].lock_interruptible()
    assert ended.value.errno == EINTR


def test_the_younger_context_of_a_cycle_backs_off_and_the_older_one_goes_on(
    kernel: KernelCore, resvs: list[DmaResv]
) -> None:
    first, second = resvs[:2]
    older, younger = kernel.process("older"), kernel.process("younger")
    story: list[str] = []

    def old() -> None:
        ctx = dma_resv_acquire_ctx(kernel)
        first.lock(ctx)
        kernel.sched.cond_resched()
        second.lock(ctx)
        story.append("older has both")
        first.unlock()
        second.unlock()
        ctx.fini()

    def young() -> None:
        ctx = dma_resv_acquire_ctx(kernel)
        second.lock(ctx)
        with pytest.raises(KernelError) as refused:
            first.lock(ctx)
        assert refused.value.errno == EDEADLK
        story.append("younger backs off")
        second.unlock()
        first.lock_slow(ctx)
        second.lock(ctx)
        story.append("younger has both")
        first.unlock()
        second.unlock()
        ctx.fini()

    kernel.sched.spawn(older, old)
    kernel.sched.spawn(younger, young)
    kernel.sched.run()
    assert story == ["younger backs off", "older has both", "younger has both"]
    assert kernel.log.warnings == []


def lock_all(kernel: KernelCore, resvs: list[DmaResv]) -> int:
    """The loop of every driver: back off, and begin with the lock that was refused. How often it had to."""
    refusals = 0
    ctx = dma_resv_acquire_ctx(kernel)
    refused: DmaResv | None = None
    while True:
        taken: list[DmaResv] = []
        try:
            if refused is not None:
                refused.lock_slow(ctx)
                taken.append(refused)
            for resv in resvs:
                if resv is not refused:
                    culprit = resv
                    resv.lock(ctx)
                    taken.append(resv)
                    kernel.sched.cond_resched()
            break
        except KernelError as error:
            assert error.errno == EDEADLK
            refused = culprit
            refusals += 1
            for resv in taken:
                resv.unlock()
    ctx.done()
    for resv in resvs:
        assert resv.held
        resv.unlock()
    ctx.fini()
    return refusals


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), threads=st.integers(2, 6), locks=st.integers(2, 5), slow=st.booleans())
def test_backing_off_always_finishes(
    count_fuzz: CountFuzz, seed: int, threads: int, locks: int, slow: bool
) -> None:
    kernel, random = make_kernel(), Random(seed)
    resvs = [DmaResv(kernel, f"buffer {index}") for index in range(locks)]
    resvs[0].ww_class.inject = slow
    kernel.sched.choose = random.choice
    with kernel.sched:
        finished = []
        for index in range(threads):
            mine = random.sample(resvs, random.randint(1, locks))
            task = kernel.process(f"thread{index}")
            finished.append(kernel.sched.spawn(task, lock_all, kernel, mine))
        kernel.sched.run()
    count_fuzz("dma_resv locks", refusals=sum(thread.result() for thread in finished))
    assert [resv.held for resv in resvs] == [False] * locks
    assert kernel.log.warnings == []
