"""A bench with two cards, of the default generation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drm.bench import CardBench, card_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[CardBench]:
    with card_bench(tmp_path) as made:
        yield made
