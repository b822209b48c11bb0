"""One kernel for each test; its threads end with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from soc.kernel.core import KernelCore
from tests.fence.bench import make_kernel


@pytest.fixture
def kernel() -> Iterator[KernelCore]:
    made = make_kernel()
    yield made
    made.sched.close()
