"""A dma_resv against a plain list of all (fence, usage) ever added.

Whatever is added, signalled, replaced or copied: to wait for what a query returns is to have
waited for every pending entry of that usage or a stronger one, and for nothing that was not added so.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from soc.dmabuf.fence import (
    DmaFence,
    dma_fence_is_later_or_same,
    dma_fence_put,
    dma_fence_signal,
    dma_fence_unwrap,
)
from soc.dmabuf.resv import (
    DmaResv,
    DmaResvUsage,
    dma_resv_add_fence,
    dma_resv_copy_fences,
    dma_resv_fences,
    dma_resv_fini,
    dma_resv_get_singleton,
    dma_resv_replace_fences,
    dma_resv_reserve_fences,
    dma_resv_test_signaled,
)
from tests.fence.bench import live, make_fence, make_kernel

USAGES = st.sampled_from(DmaResvUsage)
CONTEXTS = st.integers(100, 103)
REPLACEMENTS = 200
Entry = tuple[DmaFence, DmaResvUsage]


class Model:
    """`entries` must be waited for while they are pending, `allowed` may be."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.allowed = list(entries)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.allowed.append(entry)

    def check(self, resv: DmaResv) -> None:
        for usage in DmaResvUsage:
            found = list(dma_resv_fences(resv, usage))
            assert dma_resv_test_signaled(resv, usage) == (not found)
            assert all(any(f is fence and u <= usage for f, u in self.allowed) for fence in found)
            for fence, own in self.entries:
                if own <= usage and not fence.signalled:
                    assert any(covers(other, fence) for other in found)


def covers(other: DmaFence, fence: DmaFence) -> bool:
    """Whether `fence` has signalled once `other` has, as fences of a context signal in order."""
    return other.context == fence.context and dma_fence_is_later_or_same(other, fence)


class ResvMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.kernel = make_kernel()
        self.resv, self.model = DmaResv(self.kernel, "camera"), Model([])
        self.other, self.copied = DmaResv(self.kernel, "display"), Model([])
        self.made: list[DmaFence] = []

    def make(self, context: int) -> DmaFence:
        self.made.append(make_fence(self.kernel, context, len(self.made)))
        return self.made[-1]

    @rule(context=CONTEXTS, usages=st.lists(USAGES, min_size=1, max_size=5))
    def submit(self, context: int, usages: list[DmaResvUsage]) -> None:
        with self.resv.locked():
            dma_resv_reserve_fences(self.resv, len(usages))
            for usage in usages:
                entry = self.make(context), usage
                dma_resv_add_fence(self.resv, *entry)
                self.model.add(entry)

    @rule(choice=st.integers(0, 1000))
    def signal(self, choice: int) -> None:
        """A context is done up to some fence."""
        pending = [fence for fence in self.made if not fence.signalled]
        if pending:
            last = pending[choice % len(pending)]
            for fence in pending:
                if covers(last, fence):
                    dma_fence_signal(fence)

    @rule(context=CONTEXTS, usage=USAGES)
    def replace(self, context: int, usage: DmaResvUsage) -> None:
        entry = self.make(REPLACEMENTS), usage
        with self.resv.locked():
            dma_resv_replace_fences(self.resv, context, *entry)
        self.model.allowed.append(entry)
        self.model.entries = [
            entry if fence.context == context and not fence.signalled else (fence, own)
            for fence, own in self.model.entries
        ]

    @rule()
    def copy(self) -> None:
        with self.other.locked():
            dma_resv_copy_fences(self.other, self.resv)
        self.copied = Model(list(self.model.entries))
        self.copied.allowed = list(self.model.allowed)

    @rule(usage=USAGES)
    def singleton(self, usage: DmaResvUsage) -> None:
        found = dma_resv_get_singleton(self.resv, usage)
        expected = list(dma_resv_fences(self.resv, usage))
        assert (list(dma_fence_unwrap(found)) if found else []) == expected
        assert (found is not None and found.is_container) == (len(expected) > 1)
        dma_fence_put(found)

    @invariant()
    def queries_say_what_the_list_says(self) -> None:
        self.model.check(self.resv)
        self.copied.check(self.other)

    @invariant()
    def every_slot_has_one_reference(self) -> None:
        slots = [*self.resv.table, *self.other.table]
        for fence in self.made:
            assert fence.refcount == 1 + sum(slot.fence is fence for slot in slots)

    def teardown(self) -> None:
        dma_resv_fini(self.resv)
        dma_resv_fini(self.other)
        for fence in self.made:
            dma_fence_put(fence)
        assert (live(self.kernel), self.kernel.log.warnings) == ([], [])


TestResvMachine = ResvMachine.TestCase
TestResvMachine.settings = settings(max_examples=60, stateful_step_count=30)
