"""Static and dynamic negotiated buffers for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from soc.kernel.generation import Generation
from tests.negotiated.bench import NegotiatedBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[NegotiatedBench]:
    """A static exporter of 6.12."""
    bench = NegotiatedBench(tmp_path, dynamic=False)
    yield bench
    assert bench.problems() == []
    bench.close()


@pytest.fixture
def dynamic(tmp_path: Path) -> Iterator[NegotiatedBench]:
    """A dynamic exporter of 6.15, with move_notify configured in."""
    bench = NegotiatedBench(tmp_path, Generation.V6_15)
    yield bench
    assert bench.problems() == []
    bench.close()
