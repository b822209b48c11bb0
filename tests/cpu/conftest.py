"""The machine of the CPU tests, once per engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from soc.cpu import Image, parse_elf
from soc.cpu.psci import Conduit
from tests.cpu.guest import HERE, GuestMachine, build
from tests.cpu.noted import Build
from tests.cpu.words import Machines, WordMachine


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Image:
    output = tmp_path_factory.mktemp("guest") / "programs.elf"
    return parse_elf(build([HERE / "programs.S"], output), "programs.elf")


@pytest.fixture(scope="session")
def levels(tmp_path_factory: pytest.TempPathFactory) -> Image:
    output = tmp_path_factory.mktemp("guest") / "levels.elf"
    return parse_elf(build([HERE / "levels.S"], output), "levels.elf")


@pytest.fixture(params=["fast", "portable"])
def machine(programs: Image, request: pytest.FixtureRequest) -> Iterator[GuestMachine]:
    built = GuestMachine(programs, request.param)
    yield built
    built.close()


@pytest.fixture(params=["fast", "portable"])
def words(request: pytest.FixtureRequest) -> Iterator[Machines]:
    """`words(level)`: a core for programs of a few words, closed after the test."""
    built: list[WordMachine] = []

    def build_one(level: int = 1, **options: Any) -> WordMachine:
        built.append(WordMachine(request.param, level, **options))
        return built[-1]

    yield build_one
    for machine in built:
        machine.close()


@pytest.fixture(params=["fast", "portable"])
def build_levels(levels: Image, request: pytest.FixtureRequest) -> Iterator[Build]:
    """`build_levels(level, psci)`: a machine for levels.S, closed after the test."""
    machines: list[GuestMachine] = []

    def build_one(level: int, psci: Conduit | None = None) -> GuestMachine:
        machines.append(GuestMachine(levels, request.param, psci, level=level))
        return machines[-1]

    yield build_one
    for machine in machines:
        machine.close()
