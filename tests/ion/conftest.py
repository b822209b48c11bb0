"""Benches for the tests of ION."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ion.bench import IonApp, IonBench, ion_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[IonBench]:
    """One heap of each kind; the test must not leave a warning."""
    with ion_bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def noisy(tmp_path: Path) -> Iterator[IonBench]:
    """The same for a test that expects warnings, and looks at them."""
    bench = IonBench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def app(bench: IonBench) -> IonApp:
    return bench.app
