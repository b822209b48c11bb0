"""A kernel with sw_sync, and a program, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from soc.kernel.core import KernelCore
from tests.fence.bench import make_kernel
from tests.sync.bench import App, init


@pytest.fixture
def kernel() -> Iterator[KernelCore]:
    made = init(make_kernel())
    yield made
    made.sched.close()


@pytest.fixture
def app(kernel: KernelCore) -> App:
    return App(kernel)
