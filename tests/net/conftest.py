"""A world without processes, which must be left as it was found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.net.world import World


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    for process in list(world.kernel.processes.values()):
        process.exit()
    world.assert_clean()
