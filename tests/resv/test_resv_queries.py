"""Who waits for whom, SEMANTICS 2.2: the four usages, queries, waits, deadlines, the text of debugfs."""

from __future__ import annotations

from errno import ENOMEM

import pytest

from soc.dmabuf.fence import (
    DmaFence,
    dma_fence_put,
    dma_fence_set_error,
    dma_fence_signal,
    dma_fence_unwrap,
)
from soc.dmabuf.resv import (
    DmaResv,
    DmaResvUsage,
    dma_resv_add_fence,
    dma_resv_describe,
    dma_resv_fences,
    dma_resv_get_fences,
    dma_resv_get_singleton,
    dma_resv_reserve_fences,
    dma_resv_set_deadline,
    dma_resv_test_signaled,
    dma_resv_usage_rw,
    dma_resv_wait_timeout,
)
from soc.kernel.core import KernelCore
from soc.kernel.errors import ERESTARTSYS, KernelError
from tests.fence.bench import Hardware, live, make_fence
from tests.resv.bench import BOOKKEEP, KERNEL, READ, WRITE, add, filled

SEEN = [(KERNEL, [0]), (WRITE, [0, 1]), (READ, [0, 1, 2]), (BOOKKEEP, [0, 1, 2, 3])]
SEEN_IDS = [usage.name for usage, _ in SEEN]


def test_the_usages_have_the_values_of_linux() -> None:
    assert {usage.name: usage.value for usage in DmaResvUsage} == {
        "KERNEL": 0,
        "WRITE": 1,
        "READ": 2,
        "BOOKKEEP": 3,
    }


def test_a_writer_waits_for_readers_too_and_a_reader_for_writers() -> None:
    assert (dma_resv_usage_rw(write=True), dma_resv_usage_rw(write=False)) == (READ, WRITE)


@pytest.mark.parametrize(("usage", "seen"), SEEN, ids=SEEN_IDS)
def test_a_query_returns_its_usage_and_the_stronger_ones(
    kernel: KernelCore, usage: DmaResvUsage, seen: list[int]
) -> None:
    resv, fences = filled(kernel)
    assert list(dma_resv_fences(resv, usage)) == [fences[index] for index in seen]
    assert not dma_resv_test_signaled(resv, usage)
    for index in seen:
        dma_fence_signal(fences[index])
    assert dma_resv_test_signaled(resv, usage)


@pytest.mark.parametrize(("usage", "seen"), SEEN, ids=SEEN_IDS)
def test_a_wait_ends_with_the_last_fence_that_counts(
    kernel: KernelCore, usage: DmaResvUsage, seen: list[int]
) -> None:
    resv, fences = filled(kernel)
    for index, fence in enumerate(fences):
        kernel.clock.at(10 * (index + 1), lambda fence=fence: dma_fence_signal(fence))
    assert dma_resv_wait_timeout(resv, usage, timeout=100) == 100 - 10 * len(seen)
    assert kernel.clock.now == 10 * len(seen)


# --- singletons -------------------------------------------------------------------------


def test_of_none_the_singleton_is_none(kernel: KernelCore) -> None:
    resv, fences = filled(kernel)
    dma_fence_signal(fences[0])
    assert dma_resv_get_singleton(resv, KERNEL) is None


def test_of_one_it_is_the_fence_itself_with_a_reference(kernel: KernelCore) -> None:
    resv, fences = filled(kernel)
    assert dma_resv_get_singleton(resv, KERNEL) is fences[0]
    assert fences[0].refcount == 2


def test_of_more_it_is_an_array_and_a_snapshot(kernel: KernelCore) -> None:
    resv, fences = filled(kernel)
    array = dma_resv_get_singleton(resv, READ)
    assert array is not None
    add(resv, make_fence(kernel), WRITE)
    assert (list(dma_fence_unwrap(array)), array.seqno) == (fences[:3], 1)
    dma_fence_put(array)
    assert [fence.refcount for fence in fences] == [1, 1, 1, 1]


def test_get_fences_gives_a_reference_to_each(kernel: KernelCore) -> None:
    resv, fences = filled(kernel)
    assert dma_resv_get_fences(resv, WRITE) == fences[:2]
    assert [fence.refcount for fence in fences] == [2, 2, 1, 1]


@pytest.mark.parametrize("nth", [1, 2], ids=["list", "array"])
def test_a_singleton_without_memory_takes_nothing(kernel: KernelCore, nth: int) -> None:
    resv, fences = filled(kernel)
    kernel.faults.fail_nth(nth)
    with pytest.raises(KernelError) as refused:
        dma_resv_get_singleton(resv, READ)
    assert (refused.value.errno, [fence.refcount for fence in fences]) == (ENOMEM, [1, 1, 1, 1])
    assert len(live(kernel)) == 4


# --- waits --------------------------------------------------------------------------------


@pytest.mark.parametrize(("timeout", "left"), [(0, 1), (70, 70), (None, 1)], ids=str)
def test_with_nothing_to_wait_for_all_is_left(kernel: KernelCore, timeout: int | None, left: int) -> None:
    assert dma_resv_wait_timeout(DmaResv(kernel, "empty"), BOOKKEEP, timeout=timeout) == left


def test_a_wait_that_runs_out_is_0(kernel: KernelCore) -> None:
    resv, fences = filled(kernel)
    kernel.clock.at(10, lambda: dma_fence_signal(fences[0]))
    assert (dma_resv_wait_timeout(resv, WRITE, timeout=30), kernel.clock.now) == (0, 30)


def test_no_time_at_all_is_a_look(kernel: KernelCore) -> None:
    resv, _ = filled(kernel)
    assert dma_resv_wait_timeout(resv, WRITE, timeout=0) == 0


def test_a_signal_ends_an_interruptible_wait(kernel: KernelCore) -> None:
    resv, _ = filled(kernel)
    app = kernel.process("app")
    app.send_signal()
    with kernel.sched.running(app), pytest.raises(KernelError) as ended:
        dma_resv_wait_timeout(resv, WRITE, interruptible=True)
    assert ended.value.errno == ERESTARTSYS


def test_an_error_of_a_fence_is_not_one_of_the_wait(kernel: KernelCore) -> None:
    resv, fences = filled(kernel)
    dma_fence_set_error(fences[0], -5)
    kernel.clock.at(10, lambda: dma_fence_signal(fences[0]))
    assert dma_resv_wait_timeout(resv, KERNEL) == 1


def test_a_wait_may_hold_the_lock(kernel: KernelCore) -> None:
    resv, fences = filled(kernel)
    kernel.clock.at(10, lambda: dma_fence_signal(fences[0]))
    with resv.locked():
        dma_resv_wait_timeout(resv, KERNEL)
    assert (kernel.clock.now, kernel.log.warnings) == (10, [])


@pytest.mark.parametrize("first", ["add", "signal"], ids=["at its end", "at its beginning"])
def test_fences_of_a_list_that_replaced_the_old_one_are_waited_for_too(
    kernel: KernelCore, first: str
) -> None:
    resv, fences = filled(kernel)
    app, driver, late = kernel.process("app"), kernel.process("driver"), make_fence(kernel)

    def work() -> None:
        if first == "add":
            add(resv, late, WRITE)  # the 5th: a longer list
        for fence in fences:
            dma_fence_signal(fence)
        if first == "signal":
            with resv.locked():
                dma_resv_reserve_fences(resv, 4)  # a longer list without the signalled ones
                dma_resv_add_fence(resv, late, WRITE)

    with kernel.sched.running(app):
        kernel.sched.spawn(driver, work)
        kernel.clock.at(40, lambda: dma_fence_signal(late))
        dma_resv_wait_timeout(resv, WRITE)
    assert kernel.clock.now == 40


def test_a_fence_is_held_while_it_is_looked_at(kernel: KernelCore) -> None:
    resv = DmaResv(kernel, "camera")
    add(resv, make_fence(kernel), WRITE)
    for fence in dma_resv_fences(resv, WRITE):
        assert fence.refcount == 2
    assert resv.table[0].fence.refcount == 1


# --- deadlines, text ------------------------------------------------------------------------


def test_a_deadline_reaches_what_counts(kernel: KernelCore) -> None:
    resv, fences = DmaResv(kernel, "camera"), [Hardware(kernel), Hardware(kernel)]
    for fence, usage in zip(fences, (WRITE, BOOKKEEP), strict=True):
        add(resv, fence, usage)
    dma_resv_set_deadline(resv, READ, 800)
    assert ["deadline 800" in fence.calls for fence in fences] == [True, False]


def test_the_text_of_debugfs_hides_bookkeeping_and_shows_what_has_signalled(kernel: KernelCore) -> None:
    resv, fences = filled(kernel)
    dma_fence_signal(fences[2])
    with resv.locked():
        assert dma_resv_describe(resv) == [
            "\tkernel fence:gpu ring seq 1 unsignalled",
            "\twrite fence:gpu ring seq 1 unsignalled",
            "\tread fence:gpu ring seq 1 signalled",
        ]


def test_the_text_without_the_lock_is_warned_about(kernel: KernelCore) -> None:
    dma_resv_describe(DmaResv(kernel, "camera"))
    assert kernel.log.warnings == [
        "dma_resv_describe: swapper (pid 0) has not taken the dma_resv lock of camera"
    ]


def test_names_are_for_people(kernel: KernelCore) -> None:
    resv = DmaResv(kernel, "camera")
    fence: DmaFence = add(resv, make_fence(kernel), WRITE)
    assert (str(resv), str(fence)) == ("dma_resv of camera", "fence gpu 1:1")
