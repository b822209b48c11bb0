"""Slots of a dma_resv, SEMANTICS 2.2: reserved, used, replaced, copied, dropped."""

from __future__ import annotations

from errno import EINVAL, ENOMEM

import pytest

from soc.dmabuf.fence import (
    dma_fence_add_callback,
    dma_fence_array_create,
    dma_fence_chain_init,
    dma_fence_put,
    dma_fence_signal,
)
from soc.dmabuf.resv import (
    DmaResv,
    DmaResvUsage,
    dma_resv_add_fence,
    dma_resv_copy_fences,
    dma_resv_fini,
    dma_resv_replace_fences,
    dma_resv_reserve_fences,
)
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelBug, KernelError
from tests.fence.bench import live, make_fence
from tests.resv.bench import BOOKKEEP, KERNEL, READ, WRITE, add, content, filled


@pytest.fixture
def resv(kernel: KernelCore) -> DmaResv:
    return DmaResv(kernel, "camera")


# --- reserve ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "slots"),
    [
        ([1], [4]),
        ([4], [4]),
        ([5], [8]),
        ([9], [16]),
        ([1, 4, 5], [4, 4, 8]),
        ([1, 3, 9], [4, 4, 9]),
        ([1, 8, 9, 17], [4, 8, 16, 32]),
    ],
    ids=str,
)
def test_the_first_list_has_4_slots_and_then_it_doubles(
    resv: DmaResv, counts: list[int], slots: list[int]
) -> None:
    with resv.locked():
        seen = []
        for count in counts:
            dma_resv_reserve_fences(resv, count)
            seen.append(resv.max_fences)
    assert seen == slots


def test_no_slots_are_einval_with_a_warning(kernel: KernelCore, resv: DmaResv) -> None:
    with resv.locked(), pytest.raises(KernelError) as refused:
        dma_resv_reserve_fences(resv, 0)
    why = "dma_resv_reserve_fences: dma_resv of camera: 0 slots asked for"
    assert (refused.value.errno, refused.value.why, kernel.log.warnings) == (EINVAL, why, [why])


def test_without_memory_the_list_stays(kernel: KernelCore) -> None:
    resv, _ = filled(kernel)
    before = content(resv)
    with resv.locked():
        kernel.faults.fail_nth(1)
        with pytest.raises(KernelError) as refused:
            dma_resv_reserve_fences(resv, 8)
        assert (refused.value.errno, content(resv), resv.max_fences) == (ENOMEM, before, 4)


def test_room_that_is_there_costs_no_memory(kernel: KernelCore, resv: DmaResv) -> None:
    with resv.locked():
        dma_resv_reserve_fences(resv, 4)
        kernel.faults.fail_nth(1)
        dma_resv_reserve_fences(resv, 4)
    assert kernel.faults.count == 0


def test_a_longer_list_leaves_signalled_fences_behind(kernel: KernelCore) -> None:
    resv, fences = filled(kernel)
    dma_fence_signal(fences[1])
    with resv.locked():
        dma_resv_reserve_fences(resv, 4)
    assert content(resv) == [("fence gpu 1:1", KERNEL), ("fence gpu 3:1", READ), ("fence gpu 4:1", BOOKKEEP)]
    assert live(kernel) == ["fence gpu 1:1", "fence gpu 3:1", "fence gpu 4:1"]


# --- add ----------------------------------------------------------------------------


def test_a_fence_without_a_slot_is_a_bug(kernel: KernelCore, resv: DmaResv) -> None:
    fence = make_fence(kernel)
    text = "dma_resv_add_fence: no slot of dma_resv of camera is reserved for fence gpu 1:1"
    with resv.locked(), pytest.raises(KernelBug) as bug:
        dma_resv_add_fence(resv, fence, WRITE)
    assert (bug.value.what, kernel.log.warnings) == (text, [f"kernel BUG: {text}"])
    assert (fence.refcount, content(resv)) == (1, [])


def test_a_slot_lives_no_longer_than_the_lock(kernel: KernelCore, resv: DmaResv) -> None:
    with resv.locked():
        dma_resv_reserve_fences(resv, 1)
    with resv.locked(), pytest.raises(KernelBug):
        dma_resv_add_fence(resv, make_fence(kernel), WRITE)


@pytest.mark.parametrize(
    ("old_usage", "usage", "old_seqno", "seqno", "replaced"),
    [
        (READ, READ, 1, 2, True),
        (READ, READ, 2, 2, False),
        (READ, READ, 2, 1, False),
        (READ, WRITE, 1, 2, True),
        (BOOKKEEP, KERNEL, 1, 2, True),
        (WRITE, READ, 1, 2, False),
        (KERNEL, BOOKKEEP, 1, 2, False),
        (READ, READ, 0xFFFF_FFFF, 1, True),
    ],
    ids=[
        "later",
        "same point but another fence",
        "older",
        "stronger usage",
        "strongest usage",
        "weaker usage",
        "weakest usage",
        "later by 32 bits",
    ],
)
def test_a_fence_takes_the_slot_of_one_of_its_context_that_it_makes_superfluous(
    kernel: KernelCore,
    resv: DmaResv,
    old_usage: DmaResvUsage,
    usage: DmaResvUsage,
    old_seqno: int,
    seqno: int,
    replaced: bool,
) -> None:
    add(resv, make_fence(kernel, 5, old_seqno), old_usage)
    add(resv, make_fence(kernel, 5, seqno), usage)
    new = (f"fence gpu 5:{seqno}", usage)
    assert content(resv) == ([new] if replaced else [(f"fence gpu 5:{old_seqno}", old_usage), new])
    assert len(live(kernel)) == (1 if replaced else 2)


def test_the_same_fence_with_a_stronger_usage_takes_its_own_slot(kernel: KernelCore, resv: DmaResv) -> None:
    fence = make_fence(kernel)
    add(resv, fence, READ)
    with resv.locked():
        dma_resv_reserve_fences(resv, 1)
        dma_resv_add_fence(resv, fence, WRITE)
    assert (content(resv), fence.refcount) == ([("fence gpu 1:1", WRITE)], 1)


def test_a_fence_of_another_context_has_a_slot_of_its_own(kernel: KernelCore, resv: DmaResv) -> None:
    add(resv, make_fence(kernel), READ)
    add(resv, make_fence(kernel), READ)
    assert content(resv) == [("fence gpu 1:1", READ), ("fence gpu 2:1", READ)]


def test_a_fence_takes_the_slot_of_any_that_has_signalled(kernel: KernelCore) -> None:
    resv, fences = filled(kernel)
    dma_fence_signal(fences[2])
    with resv.locked():
        dma_resv_add_fence(resv, make_fence(kernel), BOOKKEEP)
    assert content(resv)[2] == ("fence gpu 5:1", BOOKKEEP)
    assert "fence gpu 3:1" not in live(kernel)


@pytest.mark.parametrize("kind", ["array", "chain"])
def test_a_container_is_warned_about(kernel: KernelCore, resv: DmaResv, kind: str) -> None:
    fence = make_fence(kernel)
    container = (
        dma_fence_array_create(kernel, [fence], 7, 1)
        if kind == "array"
        else dma_fence_chain_init(kernel, None, fence, 1)
    )
    add(resv, container, WRITE)
    assert kernel.log.warnings == [
        f"dma_resv_add_fence: {container} is a container; dma_resv of camera takes plain fences"
    ]


# --- replace, copy, the end -------------------------------------------------------------


def test_replace_exchanges_every_fence_of_a_context(kernel: KernelCore, resv: DmaResv) -> None:
    for seqno, usage in ((1, WRITE), (2, READ), (3, BOOKKEEP)):
        add(resv, make_fence(kernel, 5, seqno), usage)
    add(resv, make_fence(kernel, 6), READ)
    new = make_fence(kernel, 7)
    with resv.locked():
        dma_resv_replace_fences(resv, 5, new, BOOKKEEP)
    dma_fence_put(new)
    assert content(resv) == [("fence gpu 7:1", BOOKKEEP)] * 3 + [("fence gpu 6:1", READ)]
    assert (new.refcount, live(kernel)) == (3, ["fence gpu 6:1", "fence gpu 7:1"])


def test_replace_of_a_context_that_is_not_there_does_nothing(kernel: KernelCore) -> None:
    resv, _ = filled(kernel)
    before, new = content(resv), make_fence(kernel)
    with resv.locked():
        dma_resv_replace_fences(resv, 99, new, BOOKKEEP)
    assert (content(resv), new.refcount) == (before, 1)


def test_copy_gives_the_pending_fences_instead_of_its_own(kernel: KernelCore) -> None:
    source, fences = filled(kernel)
    target, own = filled(kernel)
    dma_fence_signal(fences[1])
    with target.locked():
        dma_resv_copy_fences(target, source)
        assert target.max_fences == 4
    assert content(target) == [(str(fences[i]), DmaResvUsage(i)) for i in (0, 2, 3)]
    assert [fence.refcount for fence in fences] == [2, 1, 2, 2]
    assert [fence.refcount for fence in own] == [0, 0, 0, 0]


def test_copy_of_nothing_empties_and_needs_no_memory(kernel: KernelCore) -> None:
    target, _ = filled(kernel)
    kernel.faults.fail_nth(1)
    with target.locked():
        dma_resv_copy_fences(target, DmaResv(kernel, "empty"))
        assert target.max_fences == 0
    assert (content(target), live(kernel)) == ([], [])


def test_copy_without_memory_changes_nothing(kernel: KernelCore) -> None:
    (source, fences), (target, _) = filled(kernel), filled(kernel)
    before = content(target)
    kernel.faults.fail_nth(1)
    with target.locked(), pytest.raises(KernelError) as refused:
        dma_resv_copy_fences(target, source)
    assert (refused.value.errno, content(target)) == (ENOMEM, before)
    assert [fence.refcount for fence in fences] == [1, 1, 1, 1]


def test_at_the_end_the_fences_are_dropped_and_nobody_waits(kernel: KernelCore) -> None:
    resv, _ = filled(kernel)
    dma_resv_fini(resv)
    assert (live(kernel), kernel.log.warnings) == ([], [])


def test_at_the_end_a_fence_that_somebody_holds_lives_on(kernel: KernelCore, resv: DmaResv) -> None:
    fence = make_fence(kernel)
    with resv.locked():
        dma_resv_reserve_fences(resv, 1)
        dma_resv_add_fence(resv, fence, WRITE)
    dma_fence_add_callback(fence, lambda done: None)
    dma_resv_fini(resv)
    assert (fence.refcount, fence.signalled) == (1, False)


# --- the lock ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("dma_resv_reserve_fences", lambda resv, fence: dma_resv_reserve_fences(resv, 1)),
        ("dma_resv_add_fence", lambda resv, fence: dma_resv_add_fence(resv, fence, READ)),
        ("dma_resv_replace_fences", lambda resv, fence: dma_resv_replace_fences(resv, 9, fence, READ)),
        ("dma_resv_copy_fences", lambda resv, fence: dma_resv_copy_fences(resv, DmaResv(resv.kernel, "x"))),
    ],
    ids=["reserve", "add", "replace", "copy"],
)
def test_a_change_without_the_lock_is_warned_about(kernel: KernelCore, name: str, call: object) -> None:
    resv, fences = filled(kernel)
    resv.max_fences = 8
    app = kernel.process("app")
    with kernel.sched.running(app):
        call(resv, fences[0])
    assert kernel.log.warnings == [f"{name}: app (pid 100) has not taken the dma_resv lock of camera"]
