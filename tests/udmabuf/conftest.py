"""A kernel with memory and a program for the tests of memfds and udmabufs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from soc.kernel.process import Process
from tests.dma_heap.bench import HeapBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HeapBench]:
    bench = HeapBench(tmp_path)
    yield bench
    assert bench.problems() == []
    bench.close()


@pytest.fixture
def app(bench: HeapBench) -> Process:
    return bench.kernel.process("app")
