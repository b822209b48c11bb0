"""A syscon keeps what is written; syscon-poweroff and syscon-reboot watch one word of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.errors import BadInput
from soc.processor import StopReason
from tests.devices.slot_bench import Bench

SIZE = 0x100
BASE = 0x0908_0000
NODE = """\
odd: &odd {compatible: 'vendor,sysctl'}
syscon@9080000: &sys {compatible: [syscon, simple-mfd], reg: [[0x9080000, 0x100]]}
"""
REASONS = {"syscon-poweroff": StopReason.POWER_OFF, "syscon-reboot": StopReason.RESET}


def board(kind: str, properties: str) -> Bench:
    return Bench(f"{NODE}power:\n  compatible: {kind}\n  {properties}\n")


def poke(bench: Bench, offset: int, value: int, size: int = 4) -> None:
    bench.models["/syscon@9080000"].targets[0].write(offset, size, value)


# --- storage -----------------------------------------------------------------


def test_words_are_zero_and_then_what_was_written() -> None:
    bench = Bench(NODE)
    assert [bench.cpu.read(BASE + offset, 4) for offset in (0, 4, SIZE - 4)] == [0, 0, 0]
    bench.cpu.write(BASE + SIZE - 4, 4, 0x1234_5678)
    assert bench.cpu.read(BASE + SIZE - 4, 4) == 0x1234_5678
    assert [bench.cpu.read(BASE + SIZE - 4 + lane, 1) for lane in range(4)] == [0x78, 0x56, 0x34, 0x12]
    bench.cpu.write(BASE + SIZE - 2, 2, 0xABCD)
    assert bench.cpu.read(BASE + SIZE - 8, 8) == 0xABCD_5678_0000_0000


access = st.integers(0, SIZE - 8).flatmap(
    lambda offset: st.tuples(st.just(offset), st.sampled_from([1, 2, 4, 8]), st.integers(0, 2**64 - 1))
)


@given(st.lists(access, max_size=40))
def test_it_is_memory_of_the_size_of_its_reg(writes: list[Any]) -> None:
    bench, memory = Bench(NODE), bytearray(SIZE)
    for offset, size, value in writes:
        bench.model.write(offset, size, value)
        memory[offset : offset + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
    assert bytes(bench.model.read(offset, 1) for offset in range(SIZE)) == bytes(memory)


# --- its users ---------------------------------------------------------------


@pytest.mark.parametrize("kind", REASONS)
def test_the_value_in_the_word_ends_the_run(kind: str) -> None:
    bench = board(kind, "regmap: *sys\n  offset: 0x10\n  value: 0x5500\n  mask: 0xff00")
    assert bench.model.targets == ()
    for offset, value in ((0x10, 0x5400), (0x0C, 0x5500), (0x14, 0x5500), (0x10, 0x55), (0x10, 0)):
        poke(bench, offset, value)
    assert (bench.ended, bench.log) == ([], [])
    poke(bench, 0x10, 0xABCD_5512)
    assert bench.ended == [REASONS[kind]]
    assert bench.log == [f"its word is 0xabcd5512: {REASONS[kind].value}"]


@pytest.mark.parametrize(
    ("properties", "ends", "does_not"),
    [
        ("value: 0x77", 0x77, 0x177),
        ("mask: 0x5555", 0x5555, 0x1_5555),
        ("mask: 0xf0\n  value: 0x35", 0xF39, 0xF49),
        ("mask: 0x1\n  value: 0x0", 0xFFFF_FFFE, 0x1),
    ],
    ids=["no mask: the whole word", "no value: the old binding", "bits beyond the mask", "a zero"],
)
def test_mask_and_value_are_those_of_the_drivers(properties: str, ends: int, does_not: int) -> None:
    bench = board("syscon-reboot", f"regmap: *sys\n  offset: 0\n  {properties}")
    poke(bench, 0, does_not)
    assert bench.ended == []
    poke(bench, 0, ends)
    assert bench.ended == [StopReason.RESET]


@pytest.mark.parametrize(
    ("offset", "size", "ends"), [(8, 8, True), (4, 8, True), (8, 2, True), (12, 4, False)]
)
def test_a_write_of_any_size_that_touches_the_word_counts(offset: int, size: int, ends: bool) -> None:
    bench = board("syscon-poweroff", "regmap: *sys\n  offset: 8\n  mask: 0xff\n  value: 0x11")
    poke(bench, offset, 0x1111_1111_1111_1111, size)
    assert bench.ended == ([StopReason.POWER_OFF] if ends else [])


def test_writes_beside_a_word_that_has_the_value_are_not_its_own() -> None:
    bench = board("syscon-poweroff", "regmap: *sys\n  offset: 8\n  value: 0x11")
    for offset, size in ((8, 4), (12, 4), (4, 4), (0, 8), (7, 1)):
        poke(bench, offset, 0x11, size)
    assert bench.ended == [StopReason.POWER_OFF]


def test_a_node_inside_the_syscon_needs_no_regmap() -> None:
    power = "  power: {compatible: syscon-poweroff, offset: 0, value: 1}\n"
    bench = Bench(f"syscon@9080000:\n  compatible: syscon\n  reg: [[0x9080000, 0x100]]\n{power}")
    poke(bench, 0, 1)
    assert bench.ended == [StopReason.POWER_OFF]


def test_two_users_of_one_word_each_have_their_value() -> None:
    off = "off: {compatible: syscon-poweroff, regmap: *sys, offset: 0, value: 0x5555}\n"
    bench = Bench(
        f"{NODE}{off}again: {{compatible: syscon-reboot, regmap: *sys, offset: 0, value: 0x7777}}\n"
    )
    poke(bench, 0, 0x7777)
    poke(bench, 0, 0x5555)
    assert bench.ended == [StopReason.RESET, StopReason.POWER_OFF]


@pytest.mark.parametrize("kind", REASONS)
@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ("regmap: *sys\n  offset: 0", "5: /power: it needs value, or mask, or both"),
        ("regmap: *sys\n  value: 1", "5: /power: it needs offset, the place of its word"),
        (
            "regmap: *sys\n  value: 1\n  offset: 0x100",
            "9: /power: there is no word at offset 0x100 of its 0x100 bytes",
        ),
        (
            "regmap: *sys\n  value: 1\n  offset: 2",
            "9: /power: there is no word at offset 0x2 of its 0x100 bytes",
        ),
        (
            "value: 1\n  offset: 0\n  regmap: *odd",
            "9: /power: its regmap is /odd, which is not a modelled syscon",
        ),
        ("value: 1\n  offset: 0", "5: /power: its regmap is /, which is not a modelled syscon"),
    ],
    ids=["no value", "no offset", "beyond", "unaligned", "no syscon", "no regmap"],
)
def test_a_node_that_watches_no_word_is_refused(kind: str, properties: str, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        board(kind, properties)
    assert str(caught.value) == f"board.yaml:{problem}"
