"""The CPU's cache: who sees what, what is an incident, and the plain model as oracle."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.memory.cache.adversary import Adversary
from soc.memory.cache.cache import CpuCache
from soc.memory.cache.comparing import ComparingCache
from soc.memory.cache.incoherence import Incoherence, Kind, Party
from soc.memory.cache.lines import ALL_LINES, partly_touched, touched
from soc.memory.cache.views import CleanedView
from soc.memory.dram import Bank, Dram
from soc.memory.span import PageSpan
from tests.memory.plain_cache import PlainCache

BASE = 0x8000_0000
PAGES = 4
SIZE = PAGES * 4096
CARVEOUT = (BASE + 3 * 4096, 4096)
"""The last page has no cacheable mapping."""


class Bench:
    """Four pages, one of them never cached; `now` counts accesses."""

    def __init__(self, kind: type[CpuCache] = CpuCache, adversary: Adversary | None = None) -> None:
        self.now = 0
        self.dram = Dram([Bank(BASE, SIZE)])
        self.cache = kind(self.dram, lambda: self.now, adversary, [CARVEOUT])
        self.cleaned = CleanedView(self.cache, "cpu")

    def cpu_write(self, at: int, data: bytes, who: str = "cpu") -> None:
        self.cache.cpu_write(span(at, len(data)), np.frombuffer(data, dtype=np.uint8), who)

    def cpu_read(self, at: int, size: int) -> bytes:
        return self.cache.cpu_read(span(at, size)).tobytes()

    def device_write(self, at: int, data: bytes, name: str = "camera") -> None:
        self.cache.device_write(span(at, len(data)), np.frombuffer(data, dtype=np.uint8), name)

    def device_read(self, at: int, size: int, name: str = "display") -> bytes:
        return self.cache.device_read(span(at, size), name).tobytes()

    def close(self) -> None:
        self.cache.close()
        self.dram.banks[0].close()

    @property
    def kinds(self) -> list[Kind]:
        return [incident.kind for incident in self.cache.incidents]


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.close()


@lru_cache
def span(at: int, size: int) -> PageSpan:
    """The same object for the same bytes, as for the buffers of a stream."""
    return PageSpan.linear(BASE + at, size)


# --- the rules, one by one -------------------------------------------------


def test_a_device_reads_old_data_until_the_line_is_cleaned(bench):
    bench.cpu_write(0, b"new")
    assert bench.device_read(0, 3) == bytes(3)
    bench.cache.clean(span(0, 3))
    assert bench.device_read(0, 3) == b"new"
    assert bench.kinds == [Kind.STALE_DEVICE_READ]


def test_the_cpu_reads_old_data_until_the_line_is_invalidated(bench):
    bench.device_write(128, b"frame")
    assert bench.cpu_read(128, 5) == bytes(5)
    bench.cache.invalidate(span(128, 64))
    assert bench.cpu_read(128, 5) == b"frame"
    assert bench.kinds == [Kind.STALE_CPU_READ]


def test_a_dirty_line_is_evicted_over_a_devices_data(bench):
    bench.cpu_write(64, b"zero")
    bench.device_write(66, b"PIXELS")
    assert bench.device_read(64, 8) == b"zero" + bytes(4)
    assert bench.kinds == [Kind.LOST_DEVICE_WRITE]


def test_a_cpu_write_beside_a_devices_data_in_one_line_destroys_it(bench):
    bench.device_write(64, b"pixels")
    bench.cpu_write(100, b"neighbour")
    assert bench.device_read(64, 6) == bytes(6)
    assert bench.kinds == [Kind.LOST_DEVICE_WRITE]


def test_an_invalidate_drops_what_the_cpu_wrote_into_a_shared_page(bench):
    bench.device_write(0, b"frame")
    bench.cache.invalidate(span(0, 64))
    bench.cpu_write(0, b"mine")
    bench.cache.invalidate(span(0, 64))
    assert bench.cpu_read(0, 5) == b"frame"
    assert bench.kinds == [Kind.LOST_CPU_WRITE]


def test_lines_covered_in_part_are_cleaned_not_dropped(bench):
    bench.device_write(0, b"frame")
    bench.cache.invalidate(span(0, 4096))
    bench.cpu_write(0, bytes(range(1, 255)))
    bench.cache.invalidate(span(10, 200))
    assert bench.cpu_read(0, 64) == bytes(range(1, 65))
    assert bench.device_read(192, 62) == bytes(range(193, 255))
    assert bench.cpu_read(64, 128) == bytes(128)
    assert bench.kinds == [Kind.LOST_CPU_WRITE]


def test_the_streaming_api_in_the_right_order_is_silent(bench):
    for turn in range(1, 4):
        bench.cpu_write(0, bytes(4096))
        bench.cache.clean(span(0, 4096))
        bench.device_write(0, bytes([turn]) * 4096)
        assert bench.device_read(0, 4096) == bytes([turn]) * 4096
        bench.cache.invalidate(span(0, 4096))
        assert bench.cpu_read(0, 4096) == bytes([turn]) * 4096
    assert bench.kinds == []


def test_memory_that_no_mapping_caches_has_one_view(bench):
    at = 3 * 4096
    bench.cpu_write(at, b"command")
    assert bench.device_read(at, 7) == b"command"
    bench.device_write(at, b"answer!")
    assert bench.cpu_read(at, 7) == b"answer!"
    assert bench.kinds == []
    assert bench.cache._behind is None  # a second memory was never made


def test_a_span_over_cached_and_uncached_pages_keeps_one_view_of_the_latter(bench):
    at = 3 * 4096
    bench.device_write(at - 64, b"a" * 128)
    assert bench.cpu_read(at, 64) == b"a" * 64
    bench.cpu_write(at, b"c" * 64)
    assert bench.device_read(at - 64, 128) == b"a" * 64 + b"c" * 64
    bench.device_write(at - 64, b"b" * 100)
    assert bench.cpu_read(at, 64) == b"b" * 36 + b"c" * 28
    assert bench.kinds == []


def test_pages_that_change_hands_carry_no_guilt(bench):
    bench.device_write(0, b"old frame")
    bench.cache.forget(span(0, 1).frames)
    bench.cpu_write(0, bytes(4096))
    bench.cache.clean(span(0, 4096))
    assert bench.device_read(0, 9) == bytes(9)
    assert bench.kinds == []


def test_a_report_has_the_line_both_views_and_both_parties(bench):
    bench.now = 1_000_000
    bench.cpu_write(4096 + 130, b"\x11\x22\x33\x44", "overlay")
    bench.cpu_write(4096 + 256, bytes([7]) * 64, "overlay")
    bench.now = 2_500_000
    bench.device_read(4096, 4096, "32e00000.lcdif")
    [found] = bench.cache.incidents
    assert found == Incoherence(
        Kind.STALE_DEVICE_READ,
        2_500_000,
        BASE + 4096 + 128,
        2,
        Party("overlay", 1_000_000),
        Party("32e00000.lcdif", 2_500_000),
        bytes(2) + b"\x11\x22\x33\x44" + bytes(58),
        bytes(64),
    )
    assert str(found) == (
        "32e00000.lcdif read data that the CPU still had in its cache (no sync for the device): "
        "line 0x80001080 and 1 more; at byte 2 the CPU sees 11 22 33 44 00 00 00 00, "
        "DRAM has 00 00 00 00 00 00 00 00; CPU side overlay at 0.001000 s, "
        "device side 32e00000.lcdif at 0.002500 s"
    )


def test_a_stale_read_names_the_device_that_wrote(bench):
    bench.now = 3_000
    bench.device_write(0, b"frame", "camera@32e20000")
    bench.now = 5_000
    bench.cache.cpu_read(span(0, 8), "app")
    [found] = bench.cache.incidents
    assert (found.cpu, found.device) == (Party("app", 5_000), Party("camera@32e20000", 3_000))
    assert found.victim == found.cpu


# --- masters that see the cache ----------------------------------------------


def snooping_write(bench: Bench, at: int, data: bytes, name: str = "gpu") -> None:
    bench.cache.coherent_write(span(at, len(data)), np.frombuffer(data, dtype=np.uint8), name)


@pytest.mark.parametrize("before", ["nothing", "cpu wrote", "device wrote", "cleaned"])
def test_what_a_coherent_device_writes_everybody_sees(bench, before):
    if before in ("cpu wrote", "cleaned"):
        bench.cpu_write(0, bytes([1]) * 256)
    if before == "device wrote":
        bench.device_write(0, bytes([2]) * 256)
    if before == "cleaned":
        bench.cache.clean(span(0, 256))
    snooping_write(bench, 100, b"frame")
    assert bench.cpu_read(100, 5) == b"frame"
    assert bench.device_read(100, 5) == b"frame"
    fill = {"nothing": 0, "device wrote": 2}.get(before, 1)
    assert bench.cpu_read(64, 36) == bytes([fill]) * 36, "the rest of its line is what it was"
    assert bench.device_read(105, 23) == bytes([fill]) * 23
    assert bench.kinds == []


def test_a_coherent_device_that_hits_a_stale_line_is_told_of(bench):
    """The other device wrote DRAM; a snoop finds what the CPU still holds."""
    bench.device_write(0, b"frame", "camera")
    assert bench.cache.coherent_read(span(0, 5), "gpu").tobytes() == bytes(5)
    [found] = bench.cache.incidents
    assert (found.kind, found.cpu.name, found.device.name) == (Kind.STALE_CPU_READ, "gpu", "camera")


# --- the adversary ---------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_a_missing_sync_fails_under_every_seed(seed):
    bench = Bench(adversary=Adversary(seed, rate=0.02))
    bench.cpu_write(0, b"\xff" * 8192)
    got = bench.device_read(0, 8192)
    assert bench.kinds == [Kind.STALE_DEVICE_READ]
    assert 0 < got.count(0) < 8192
    bench.device_write(4096, b"\xee" * 4096)
    assert Kind.LOST_DEVICE_WRITE in bench.kinds or Kind.STALE_DEVICE_READ in bench.kinds
    assert bench.cpu_read(4096, 4096) != b"\xee" * 4096
    bench.close()


def read_under(seed: int) -> bytes:
    """What a device reads of two dirty pages."""
    bench = Bench(adversary=Adversary(seed, rate=0.3))
    bench.cpu_write(0, b"\xff" * 8192)
    read = bench.device_read(0, 8192)
    bench.close()
    return read


def test_equal_seeds_give_equal_runs():
    assert read_under(7) == read_under(7)


def test_different_seeds_give_different_runs():
    assert len({read_under(seed) for seed in range(20)}) == 20


@pytest.mark.parametrize("rate", [0, -0.5, 1.5])
def test_a_rate_is_a_share(rate):
    with pytest.raises(ValueError, match=f"rate must be above 0 and at most 1, not {rate}"):
        Adversary(rate=rate)


# --- the oracle ------------------------------------------------------------

RANGES = st.tuples(st.integers(0, SIZE - 1), st.integers(1, 5000)).map(
    lambda pair: (pair[0], min(pair[1], SIZE - pair[0]))
)
AGAIN = st.sampled_from([(0, 4096), (64, 8192), (100, 5000), (8192, 8000)])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["cpu_read", "cpu_write", "write_and_clean", "device_read", "device_write", "clean", "invalidate"]
        ),
        RANGES | AGAIN,
        st.integers(1, 255),
    ),
    max_size=25,
)


@settings(max_examples=400)
@given(STEPS)
def test_random_histories_agree_with_the_plain_model(steps):
    bench, plain = Bench(), PlainCache(SIZE, range(3 * 64, 4 * 64))
    for call, (at, size), value in steps:
        match call:
            case "cpu_read" | "device_read":
                assert getattr(bench, call)(at, size) == getattr(plain, call)(at, size)
            case "cpu_write" | "device_write":
                data = bytes((value + i) % 256 for i in range(size))
                getattr(bench, call)(at, data)
                getattr(plain, call)(at, data)
            case "write_and_clean":
                at, size = at & -4096, -(-size // 4096) * 4096
                data = bytes((value + i) % 256 for i in range(min(size, SIZE - at)))
                bench.cleaned.write(span(at, len(data)), np.frombuffer(data, dtype=np.uint8))
                plain.cpu_write(at, data)
                plain.clean(at, len(data))
            case _:
                getattr(bench.cache, call)(span(at, size))
                getattr(plain, call)(at, size)
    assert bench.kinds == plain.kinds
    assert bench.dram.banks[0].bytes.tobytes() == bytes(plain.cpu)
    assert bench.cache.peek_behind(span(0, SIZE)).tobytes() == bytes(plain.dram)
    bench.close()


def test_only_whole_pages_are_written_and_cleaned_at_once():
    bench = Bench()
    with pytest.raises(ValueError, match="cpu writes 100 bytes, which are not whole pages"):
        bench.cleaned.write(span(0, 100), np.zeros(100, dtype=np.uint8))
    bench.close()


@given(RANGES)
def test_masks_of_lines(where):
    at, size = where
    lines, partly = touched(span(at, size)), partly_touched(span(at, size))
    first_page = at // 4096
    for mask, wanted in (
        (lines, set(range(at // 64, (at + size - 1) // 64 + 1))),
        (
            partly,
            {n for n in (at // 64, (at + size - 1) // 64) if n * 64 < at or n * 64 + 64 > at + size},
        ),
    ):
        found = {
            (first_page + page) * 64 + bit
            for page, word in enumerate(mask.tolist())
            for bit in range(64)
            if word >> bit & 1
        }
        assert found == wanted


# --- a CPU whose stores nobody sees ----------------------------------------


@pytest.fixture
def guest():
    made = Bench(ComparingCache)
    yield made
    made.close()


def store(bench: Bench, at: int, data: bytes) -> None:
    """What software on the engine does: the bytes change, nobody is told."""
    bench.dram.banks[0].bytes[at : at + len(data)] = np.frombuffer(data, dtype=np.uint8)


def load(bench: Bench, at: int, size: int) -> bytes:
    return bench.dram.banks[0].bytes[at : at + size].tobytes()


def test_with_caches_off_there_is_one_view(guest):
    store(guest, 0, b"new")
    assert guest.device_read(0, 3) == b"new"
    guest.device_write(0, b"dev")
    assert load(guest, 0, 3) == b"dev"
    assert guest.kinds == []


def test_stores_are_found_when_a_device_reads(guest):
    store(guest, 0, b"before")
    guest.cache.enable(True)
    assert guest.device_read(0, 6) == b"before"
    store(guest, 2, b"XX")
    assert guest.device_read(0, 6) == b"before"
    guest.cache.clean(span(0, 64))
    assert guest.device_read(0, 6) == b"beXXre"
    assert guest.kinds == [Kind.STALE_DEVICE_READ]


def test_a_store_to_a_stale_line_is_found_when_it_is_cleaned(guest):
    guest.cache.enable(True)
    guest.device_write(0, b"pixels")
    store(guest, 40, b"flag")
    guest.cache.clean(span(0, 64))
    assert guest.device_read(0, 6) == bytes(6)
    assert guest.kinds == [Kind.LOST_DEVICE_WRITE]


def test_a_load_sees_a_devices_data_after_the_invalidate_only(guest):
    guest.cache.enable(True)
    guest.device_write(0, b"pixels")
    assert load(guest, 0, 6) == bytes(6)
    guest.cache.invalidate(span(0, 64))
    assert load(guest, 0, 6) == b"pixels"
    assert guest.kinds == []


def test_whole_cache_operations(guest):
    guest.cache.enable(True)
    store(guest, 100, b"dirty")
    guest.cache.clean_all()
    assert guest.device_read(100, 5) == b"dirty"
    store(guest, 200, b"lost")
    guest.device_write(4096, b"frame")
    guest.cache.invalidate_all()
    assert (load(guest, 200, 4), load(guest, 4096, 5)) == (bytes(4), b"frame")


def test_turning_the_caches_off_shows_what_devices_wrote(guest):
    guest.cache.enable(True)
    guest.device_write(0, b"frame")
    store(guest, 64, b"dirty")
    guest.cache.enable(False)
    assert (load(guest, 0, 5), load(guest, 64, 5)) == (b"frame", b"dirty")
    assert guest.device_read(64, 5) == b"dirty"
    assert guest.kinds == []


def test_reserved_memory_stays_one_view(guest):
    guest.cache.enable(True)
    at = 3 * 4096
    store(guest, at, b"direct")
    assert guest.device_read(at, 6) == b"direct"
    guest.device_write(at, b"answer")
    assert load(guest, at, 6) == b"answer"
    guest.cache.clean_all()
    assert guest.kinds == []


@pytest.mark.parametrize("kind", [CpuCache, ComparingCache])
def test_whole_pages_have_all_their_lines(kind):
    bench = Bench(kind)
    bench.cache.enable(True) if isinstance(bench.cache, ComparingCache) else None
    bench.device_write(0, b"x" * 4096)
    assert bench.cache.state(span(0, 1).frames)[1].tolist() == [int(ALL_LINES)]
    bench.close()
