"""The machine of the CPU tests, once per engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from soc.cpu import Image, parse_elf
from tests.cpu.guest import HERE, GuestMachine, build


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Image:
    output = tmp_path_factory.mktemp("guest") / "programs.elf"
    return parse_elf(build([HERE / "programs.S"], output), "programs.elf")


@pytest.fixture(params=["fast", "portable"])
def machine(programs: Image, request: pytest.FixtureRequest) -> Iterator[GuestMachine]:
    built = GuestMachine(programs, request.param)
    yield built
    built.close()
