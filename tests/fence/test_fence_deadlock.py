"""Bug 21: what hangs in Linux is named here. The wait-for graph, and lockdep before it comes to that.

Each bug is planted, and next to it stands the same code done right, of which nothing is said.
"""

from __future__ import annotations

import pytest

from soc.dmabuf.fence import (
    dma_fence_array_create,
    dma_fence_chain_init,
    dma_fence_signal,
    dma_fence_wait,
    dma_fence_wait_any_timeout,
    signalling,
)
from soc.kernel.core import KernelCore
from soc.kernel.locking.lockdep import LockClass
from soc.kernel.locking.mutex import Mutex
from soc.kernel.sched.deadlock import Deadlock
from tests.fence.bench import make_fence


def assert_cycle(found: Deadlock, *edges: str) -> None:
    """It is a cycle of exactly these edges, told from any of its members on."""
    text = str(found)
    assert text.startswith("deadlock: ")
    assert [edge in text for edge in edges] == [True] * len(edges)
    assert text.count("waits for") == len(edges)


def test_a_task_that_waits_for_its_own_fence_is_a_cycle(kernel: KernelCore) -> None:
    app, fence = kernel.process("app"), make_fence(kernel)
    fence.signaller = app
    with kernel.sched.running(app), pytest.raises(Deadlock) as found:
        dma_fence_wait(fence)
    assert str(found.value) == (
        "deadlock: app (pid 100) waits for fence gpu 1:1, to be signalled by app (pid 100)"
    )


def test_a_task_that_waits_for_another_s_fence_goes_on(kernel: KernelCore) -> None:
    app, gpu, fence = kernel.process("app"), kernel.process("gpu"), make_fence(kernel)
    fence.signaller = kernel.sched.spawn(gpu, dma_fence_signal, fence)
    with kernel.sched.running(app):
        dma_fence_wait(fence)
    assert kernel.log.warnings == []


def test_a_fence_that_nobody_signals_is_no_cycle_but_ends_all_the_same(kernel: KernelCore) -> None:
    app, fence = kernel.process("app"), make_fence(kernel)
    with kernel.sched.running(app), pytest.raises(Deadlock) as found:
        dma_fence_wait(fence)
    assert str(found.value) == "app (pid 100) waits for ever for fence gpu 1:1, which nobody is to signal"


def test_two_tasks_that_wait_for_each_other_are_a_cycle(kernel: KernelCore) -> None:
    first, second = kernel.process("camera"), kernel.process("codec")
    one, two = make_fence(kernel), make_fence(kernel)
    one.signaller, two.signaller = second, first
    kernel.sched.spawn(first, dma_fence_wait, one)
    kernel.sched.spawn(second, dma_fence_wait, two)
    with pytest.raises(Deadlock) as found:
        kernel.sched.run()
    assert_cycle(
        found.value,
        "waits for fence gpu 1:1, to be signalled by codec (pid 101)",
        "waits for fence gpu 2:1, to be signalled by camera (pid 100)",
    )


def test_an_array_needs_its_pending_members_only(kernel: KernelCore) -> None:
    app = kernel.process("app")
    done, own = make_fence(kernel), make_fence(kernel)
    own.signaller = app
    dma_fence_signal(done)
    array = dma_fence_array_create(kernel, [done, own], 7, 1)
    assert array.blockers() == [own]
    with kernel.sched.running(app), pytest.raises(Deadlock) as found:
        dma_fence_wait(array)
    assert str(found.value) == (
        "deadlock: app (pid 100) waits for fence dma_fence_array 7:1, which needs fence gpu 2:1, "
        "to be signalled by app (pid 100)"
    )


def test_a_chain_needs_every_pending_fence_before_it(kernel: KernelCore) -> None:
    first, second, third = (make_fence(kernel) for _ in range(3))
    chain = dma_fence_chain_init(kernel, dma_fence_chain_init(kernel, first, second, 1), third, 2)
    assert chain.blockers() == [third, second, first]
    dma_fence_signal(second)
    assert chain.blockers() == [third, first]


def test_a_wait_for_any_of_several_names_them(kernel: KernelCore) -> None:
    app, fences = kernel.process("app"), [make_fence(kernel), make_fence(kernel)]
    for fence in fences:
        fence.signaller = app
    with kernel.sched.running(app), pytest.raises(Deadlock) as found:
        dma_fence_wait_any_timeout(fences)
    assert str(found.value) == (
        "deadlock: app (pid 100) waits for any of fence gpu 1:1, fence gpu 2:1, which needs "
        "fence gpu 1:1, to be signalled by app (pid 100)"
    )


# --- a lock that the signaller needs, too ---------------------------------------------------


def test_a_lock_held_over_a_wait_that_the_signaller_needs_is_a_cycle(kernel: KernelCore) -> None:
    app, driver = kernel.process("app"), kernel.process("driver")
    fence, mutex = make_fence(kernel), Mutex(kernel.sched, "struct_mutex")
    fence.signaller = driver

    def wait() -> None:
        with mutex:
            dma_fence_wait(fence)

    def signal() -> None:
        with mutex:
            pass
        dma_fence_signal(fence)

    kernel.sched.spawn(app, wait)
    kernel.sched.spawn(driver, signal)
    with pytest.raises(Deadlock) as found:
        kernel.sched.run()
    assert_cycle(
        found.value,
        "waits for fence gpu 1:1, to be signalled by driver (pid 101)",
        "waits for struct_mutex, held by app (pid 100)",
    )


def test_lockdep_sees_the_same_though_it_does_not_hang_this_time(kernel: KernelCore) -> None:
    mutex = Mutex(kernel.sched, "struct_mutex", LockClass("struct_mutex"))
    fence = make_fence(kernel)
    with signalling(kernel, "gpu interrupt"):
        with mutex:
            pass
        dma_fence_signal(fence)
    with mutex:
        dma_fence_wait(fence)
    assert kernel.log.warnings == [
        "possible circular locking dependency: swapper (pid 0) waits for fence gpu 1:1 (dma_fence_map) "
        "while it holds struct_mutex (struct_mutex), but the order is dma_fence_map -> struct_mutex"
    ]


def test_lockdep_is_silent_when_the_signaller_takes_another_lock(kernel: KernelCore) -> None:
    mutex = Mutex(kernel.sched, "struct_mutex", LockClass("struct_mutex"))
    irq_lock = Mutex(kernel.sched, "job_lock", LockClass("job_lock"))
    fence = make_fence(kernel)
    with signalling(kernel, "gpu interrupt"):
        with irq_lock:
            pass
        dma_fence_signal(fence)
    with mutex:
        dma_fence_wait(fence)
    assert kernel.log.warnings == []
