"""Pages taken from the cache for a while: one view, no incident; then the cache is as before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from soc.memory.cache.cache import CpuCache
from soc.memory.cache.comparing import ComparingCache
from soc.memory.cache.incoherence import Kind
from soc.memory.dram import Bank, Dram
from soc.memory.span import Bytes, Frames, PageSpan

BASE = 0x8000_0000
FIRST = BASE >> 12
PAGES = np.arange(FIRST, FIRST + 2, dtype=np.int64)
SPAN = PageSpan.of(PAGES, 0, 8192)
NO_MAP = np.array([FIRST + 3])


@pytest.fixture(params=[CpuCache, ComparingCache], ids=["marking", "comparing"])
def cache(request: pytest.FixtureRequest) -> Iterator[CpuCache]:
    dram = Dram([Bank(BASE, 4 * 4096)])
    made: CpuCache = request.param(dram, lambda: 0, None, [(BASE + 3 * 4096, 4096)])
    if isinstance(made, ComparingCache):
        made.enable(True)
    yield made
    made.close()
    dram.banks[0].close()


def value(number: int) -> Bytes:
    return np.full(8192, number, dtype=np.uint8)


def cpu_writes(cache: CpuCache, number: int) -> None:
    """As software does, marked or not."""
    if cache.marks:
        cache.cpu_write(SPAN, value(number))
    else:
        cache.dram.write(SPAN, value(number))


def views(cache: CpuCache) -> tuple[set[int], set[int]]:
    """What the CPU sees, and what a device reads."""
    return set(cache.cpu_read(SPAN).tolist()), set(cache.device_read(SPAN, "display").tolist())


def test_both_write_and_both_see_it(cache: CpuCache) -> None:
    cache.uncache(PAGES)
    cpu_writes(cache, 1)
    assert views(cache) == ({1}, {1})
    cache.device_write(SPAN, value(2), "camera")
    assert views(cache) == ({2}, {2})
    assert cache.incidents == []


@pytest.mark.parametrize("ahead", ["cpu", "device"])
def test_the_newest_bytes_are_kept(cache: CpuCache, ahead: str) -> None:
    if ahead == "cpu":
        cpu_writes(cache, 5)
    else:
        cache.device_write(SPAN, value(5), "camera")
    cache.uncache(PAGES)
    assert views(cache) == ({5}, {5})
    assert cache.incidents == []


def test_a_span_used_before_and_after_goes_the_right_way_each_time(cache: CpuCache) -> None:
    for _ in range(3):
        cache.device_write(SPAN, value(3), "camera")
        cache.uncache(PAGES)
        cache.device_write(SPAN, value(4), "camera")
        assert views(cache) == ({4}, {4})
        cache.recache(PAGES)
        assert views(cache) == ({4}, {4})
        assert cache.incidents == []


def test_a_missing_sync_is_an_incident_again_afterwards(cache: CpuCache) -> None:
    cache.uncache(PAGES)
    cache.recache(PAGES)
    cpu_writes(cache, 7)
    cache.device_read(SPAN, "display")
    assert [incident.kind for incident in cache.incidents] == [Kind.STALE_DEVICE_READ]


def test_a_span_that_was_written_meanwhile_is_behind_the_cpus_back_again_afterwards(cache: CpuCache) -> None:
    cache.uncache(PAGES)
    cache.device_write(SPAN, value(1), "camera")
    cache.recache(PAGES)
    cache.device_write(SPAN, value(2), "camera")
    assert set(cache.cpu_read(SPAN).tolist()) == {1}
    assert [incident.kind for incident in cache.incidents] == [Kind.STALE_CPU_READ]


def test_as_often_as_pages_are_taken_they_must_come_back(cache: CpuCache) -> None:
    cache.uncache(PAGES)
    cache.uncache(PAGES[:1])
    cache.recache(PAGES)
    first, second = (PageSpan.of(PAGES[n : n + 1], 0, 4096) for n in (0, 1))
    cpu_writes(cache, 7)
    cache.device_read(first, "display")
    assert cache.incidents == []
    cache.device_read(second, "display")
    assert len(cache.incidents) == 1


def test_pages_that_nobody_caches_stay_so(cache: CpuCache) -> None:
    frames: Frames = NO_MAP
    cache.uncache(frames)
    cache.recache(frames)
    span = PageSpan.of(frames, 0, 4096)
    cache.device_write(span, value(9)[:4096], "camera")
    assert set(cache.cpu_read(span).tolist()) == {9}
    assert cache.incidents == []
