"""The watchdog names each fence that takes too long, once, and costs nothing while none is pending."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from soc.clock import SECOND
from soc.dmabuf.fence import FenceWatchdog, dma_fence_array_create, dma_fence_put, dma_fence_signal
from soc.kernel.core import KernelCore
from tests.fence.bench import make_fence


@pytest.fixture
def watchdog(kernel: KernelCore) -> Iterator[FenceWatchdog]:
    dog = FenceWatchdog(kernel, 2 * SECOND)
    yield dog
    dog.stop()


def run_to(kernel: KernelCore, when: int) -> None:
    while (event := kernel.clock.next_event()) is not None and event <= when:
        kernel.clock.advance(event)
        kernel.clock.run_due()
    kernel.clock.advance(when)


def test_a_fence_that_is_too_old_is_named_with_all_there_is_to_know(
    kernel: KernelCore, watchdog: FenceWatchdog
) -> None:
    kernel.clock.advance(SECOND)
    fence = make_fence(kernel, seqno=41)
    fence.signaller = kernel.process("gpu-worker")
    run_to(kernel, 3 * SECOND - 1)
    assert (kernel.log.warnings, watchdog.overdue()) == ([], [])
    run_to(kernel, 3 * SECOND)
    assert watchdog.overdue() == [fence]
    assert kernel.log.warnings == [
        "fence gpu 1:41 has been pending for 2.000 s: driver gpu, timeline ring, seqno 41, "
        "to be signalled by gpu-worker (pid 100)"
    ]


def test_it_is_said_once(kernel: KernelCore, watchdog: FenceWatchdog) -> None:
    make_fence(kernel)
    run_to(kernel, 60 * SECOND)
    assert kernel.log.warnings == [
        "fence gpu 1:1 has been pending for 2.000 s: driver gpu, timeline ring, seqno 1, "
        "to be signalled by nobody known"
    ]
    assert kernel.clock.next_event() is None


def test_a_container_names_what_it_needs(kernel: KernelCore, watchdog: FenceWatchdog) -> None:
    one, two = make_fence(kernel), make_fence(kernel)
    array = dma_fence_array_create(kernel, [one, two], 8, 1)
    assert watchdog.describe(array).endswith("to be signalled by fence gpu 1:1, fence gpu 2:1")


@pytest.mark.parametrize("end", [dma_fence_signal, dma_fence_put], ids=lambda end: end.__name__)
def test_a_fence_that_ends_in_time_is_not_named(
    kernel: KernelCore, watchdog: FenceWatchdog, end: object
) -> None:
    fence = make_fence(kernel)
    kernel.clock.at(2 * SECOND - 1, lambda: end(fence))
    run_to(kernel, 10 * SECOND)
    assert kernel.log.warnings == []


def test_later_fences_have_their_own_time(kernel: KernelCore, watchdog: FenceWatchdog) -> None:
    early, late = make_fence(kernel), None
    run_to(kernel, SECOND)
    late = make_fence(kernel)
    dma_fence_signal(early)
    run_to(kernel, 3 * SECOND - 1)
    assert kernel.log.warnings == []
    run_to(kernel, 3 * SECOND)
    assert [text.split(" has ")[0] for text in kernel.log.warnings] == [str(late)]


def test_fences_that_were_pending_before_are_watched(kernel: KernelCore) -> None:
    make_fence(kernel)
    dog = FenceWatchdog(kernel, 2 * SECOND)
    run_to(kernel, 2 * SECOND)
    assert len(kernel.log.warnings) == 1
    dog.stop()


def test_without_pending_fences_the_clock_has_no_event(kernel: KernelCore, watchdog: FenceWatchdog) -> None:
    assert kernel.clock.next_event() is None


def test_a_stopped_watchdog_is_silent(kernel: KernelCore, watchdog: FenceWatchdog) -> None:
    for _ in range(3):
        make_fence(kernel)
    watchdog.stop()
    make_fence(kernel)
    run_to(kernel, 10 * SECOND)
    assert (kernel.log.warnings, kernel.clock.next_event()) == ([], None)
