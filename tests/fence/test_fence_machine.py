"""The state machine of fences against a plain model: one dictionary per fence."""

from __future__ import annotations

from dataclasses import dataclass, field
from errno import EINVAL, ENOENT

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from soc.dmabuf.fence import (
    DmaFence,
    DmaFenceCb,
    dma_fence_add_callback,
    dma_fence_get,
    dma_fence_get_status,
    dma_fence_put,
    dma_fence_remove_callback,
    dma_fence_set_error,
    dma_fence_signal,
    dma_fence_wait_timeout,
)
from soc.kernel.errors import KernelError
from tests.fence.bench import live, make_fence, make_kernel


@dataclass(eq=False)
class Model:
    """What a fence should be. `pending` and `fired` are names of callbacks."""

    fence: DmaFence
    references: int = 1
    error: int = 0
    signalled_at: int | None = None
    pending: list[int] = field(default_factory=list)
    fired: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    edeadlk: bool = False


class FenceMachine(RuleBasedStateMachine):
    fences: Bundle[Model] = Bundle("fences")
    callbacks: Bundle[tuple[Model, int, DmaFenceCb]] = Bundle("callbacks")

    def __init__(self) -> None:
        super().__init__()
        self.kernel = make_kernel()
        self.models: list[Model] = []
        self.names = 0

    @rule(target=fences)
    def create(self) -> Model:
        model = Model(make_fence(self.kernel))
        self.models.append(model)
        return model

    @rule(model=fences)
    def get(self, model: Model) -> None:
        if model.references:
            dma_fence_get(model.fence)
            model.references += 1

    @rule(model=fences)
    def put(self, model: Model) -> None:
        if not model.references:
            return
        dma_fence_put(model.fence)
        model.references -= 1
        if not model.references and model.pending:
            model.edeadlk = True
            model.error = -35
            self._signalled(model)

    @rule(model=fences, delay=st.integers(0, 50))
    def signal(self, model: Model, delay: int) -> None:
        self.kernel.clock.advance(self.kernel.clock.now + delay)
        if not model.references:
            return
        if model.signalled_at is not None:
            with pytest.raises(KernelError) as refused:
                dma_fence_signal(model.fence)
            assert refused.value.errno == EINVAL
            return
        dma_fence_signal(model.fence)
        self._signalled(model)

    @rule(model=fences, error=st.integers(-4095, -1))
    def set_error(self, model: Model, error: int) -> None:
        if model.references and model.signalled_at is None:
            dma_fence_set_error(model.fence, error)
            model.error = error

    @rule(target=callbacks, model=fences)
    def add_callback(self, model: Model) -> tuple[Model, int, DmaFenceCb]:
        self.names += 1
        name = self.names
        if model.references and model.signalled_at is None:
            callback = dma_fence_add_callback(model.fence, lambda done: model.seen.append(name))
            model.pending.append(name)
            return model, name, callback
        if model.references:
            with pytest.raises(KernelError) as refused:
                dma_fence_add_callback(model.fence, lambda done: model.seen.append(name))
            assert refused.value.errno == ENOENT
        dead = DmaFenceCb(lambda done: None)
        dead.pending = False
        return model, name, dead

    @rule(entry=consumes(callbacks))
    def remove_callback(self, entry: tuple[Model, int, DmaFenceCb]) -> None:
        model, name, callback = entry
        assert dma_fence_remove_callback(model.fence, callback) == (name in model.pending)
        if name in model.pending:
            model.pending.remove(name)

    @rule(model=fences, timeout=st.integers(0, 30))
    def wait(self, model: Model, timeout: int) -> None:
        if model.references:
            left = dma_fence_wait_timeout(model.fence, False, timeout)
            assert left == (0 if model.signalled_at is None else max(timeout, 1))

    @invariant()
    def every_fence_is_as_the_model_says(self) -> None:
        for model in self.models:
            done = model.signalled_at is not None
            assert dma_fence_get_status(model.fence) == ((model.error or 1) if done else 0)
            assert model.fence.timestamp == model.signalled_at
            assert model.fence.refcount == model.references
            assert model.seen == model.fired
        assert live(self.kernel) == [str(m.fence) for m in self.models if m.references]

    @invariant()
    def only_a_release_with_callbacks_is_warned_about(self) -> None:
        assert len(self.kernel.log.warnings) == sum(model.edeadlk for model in self.models)

    def _signalled(self, model: Model) -> None:
        model.signalled_at = self.kernel.clock.now
        model.fired += model.pending
        model.pending = []


TestFenceMachine = FenceMachine.TestCase
TestFenceMachine.settings = settings(max_examples=60, stateful_step_count=40)
