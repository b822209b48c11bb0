"""Data caches of the core: software that syncs with a device that does not see them, or forgets to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from soc.cpu import Image, StopReason
from soc.memory.cache.incoherence import Kind
from soc.memory.span import PageSpan
from tests.cpu.guest import BASE, DEVICE, GuestMachine

BUFFER = BASE + (1 << 20)
OLD, NEW, ANSWER = 0x1111_1111_1111_1111, 0x2222_2222_2222_2222, 0x3333_3333_3333_3333


class CachedMachine(GuestMachine):
    """A core with caches and an engine behind them: it notes what it reads, and writes ANSWER if asked to."""

    def __init__(self, image: Image, engine: str) -> None:
        super().__init__(image, engine, cached=True)
        self.writes = False
        self.read: list[int] = []
        self.device.on_write = self._act

    @property
    def span(self) -> PageSpan:
        return PageSpan.linear(BUFFER, 8)

    @property
    def kinds(self) -> list[Kind]:
        return [incident.kind for incident in self.cache.incidents]

    def round(self, program: str, mmu: bool = True, **registers: int) -> int:
        """Run a program to its end on a buffer that held OLD; gives what it loaded last."""
        self.dram.words(BUFFER, 1)[:] = OLD
        start = self.start_with_mmu if mmu else self.start
        start(program, x0=BUFFER, x1=NEW, x9=DEVICE, **registers)
        assert self.run(10_000_000) is StopReason.WFI
        return self.x(2)

    def _act(self, offset: int, value: int) -> None:
        if self.writes:
            data = np.frombuffer(ANSWER.to_bytes(8, "little"), dtype=np.uint8)
            self.cache.device_write(self.span, data, "engine")
        else:
            self.read.append(int.from_bytes(self.cache.device_read(self.span, "engine").tobytes(), "little"))


@pytest.fixture(params=["fast", "portable"])
def machine(programs: Image, request: pytest.FixtureRequest) -> Iterator[CachedMachine]:
    built = CachedMachine(programs, request.param)
    yield built
    built.close()


@pytest.mark.parametrize(
    ("program", "read", "kinds"),
    [
        ("no_sync", OLD, [Kind.STALE_DEVICE_READ]),
        ("to_unification", OLD, [Kind.STALE_DEVICE_READ]),
        ("clean_only", NEW, []),
        ("clean_then_invalidate", NEW, []),
        ("clean_invalidate_then_invalidate", NEW, []),
        ("zero_then_clean", OLD, [Kind.STALE_DEVICE_READ]),
        ("invalidate_only", OLD, []),
    ],
)
def test_what_a_device_reads(machine: CachedMachine, program: str, read: int, kinds: list[Kind]) -> None:
    machine.round(program)
    assert (machine.read, machine.kinds) == ([read], kinds)


@pytest.mark.parametrize(
    ("program", "loaded", "kinds"),
    [
        ("no_sync", NEW, [Kind.LOST_DEVICE_WRITE]),
        ("clean_only", NEW, [Kind.STALE_CPU_READ]),
        ("clean_then_invalidate", ANSWER, []),
        ("clean_invalidate_then_invalidate", ANSWER, []),
    ],
)
def test_what_software_loads(machine: CachedMachine, program: str, loaded: int, kinds: list[Kind]) -> None:
    machine.writes = True
    assert machine.round(program) == loaded
    assert machine.kinds == kinds


def test_an_invalidate_alone_loses_what_software_stored(machine: CachedMachine) -> None:
    assert machine.round("invalidate_only") == OLD


def test_a_stale_load_is_reported_with_its_place(machine: CachedMachine) -> None:
    machine.writes = True
    machine.round("clean_only")
    [found] = machine.cache.incidents
    assert found.line == BUFFER
    assert found.cpu.name == f"cpu at {machine.label('clean_only_load'):#x}"
    assert found.device.name == "engine"
    assert (found.cpu_view[:8], found.dram_view[:8]) == (
        NEW.to_bytes(8, "little"),
        ANSWER.to_bytes(8, "little"),
    )


def test_with_the_mmu_off_nothing_is_cached(machine: CachedMachine) -> None:
    machine.round("no_sync", mmu=False)
    machine.writes = True
    assert machine.round("no_sync", mmu=False) == ANSWER
    assert (machine.read, machine.kinds) == ([NEW], [])


@pytest.mark.parametrize(
    ("program", "ways", "read"),
    [
        ("clean_all", 2, NEW),
        ("clean_invalidate_all", 2, NEW),
        ("clean_all", 1, OLD),
        ("invalidate_all", 2, OLD),
    ],
)
def test_set_and_way_count_when_the_loop_is_complete(
    machine: CachedMachine, program: str, ways: int, read: int
) -> None:
    machine.round(program, x6=ways)
    assert machine.read == [read]


@pytest.mark.parametrize(
    ("program", "loaded", "kinds"),
    [
        ("clean_all_after", OLD, [Kind.STALE_CPU_READ]),
        ("clean_invalidate_all_after", ANSWER, []),
        ("invalidate_all_after", ANSWER, []),
    ],
)
def test_set_and_way_drop_stale_lines_only_if_they_invalidate(
    machine: CachedMachine, program: str, loaded: int, kinds: list[Kind]
) -> None:
    machine.writes = True
    assert machine.round(program, x6=2) == loaded
    assert machine.kinds == kinds


def test_memory_goes_back_to_the_engine_after_the_invalidate(machine: CachedMachine) -> None:
    machine.writes = True
    machine.round("clean_then_invalidate")
    machine.run(1000)
    assert machine.cpu._data_cache is not None
    assert not machine.cpu._data_cache.stale._open


def test_a_core_without_a_cache_has_no_hooks(programs: Image) -> None:
    plain = GuestMachine(programs, "fast")
    assert plain.cpu._data_cache is None
    plain.close()
