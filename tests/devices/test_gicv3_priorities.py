"""GICv3: who comes first, what preempts, and the registers that decide it."""

from __future__ import annotations

import pytest

from tests.devices.gicv3_bench import GROUP0, GROUP1, SPURIOUS, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench().start()


def with_group_0(bench: Bench, *interrupts: int) -> Bench:
    """Both groups on, these interrupts in group 0."""
    bench.write("IGRPEN0_EL1", 1)
    for interrupt in interrupts:
        bench.group(interrupt, GROUP0)
    return bench


def test_the_lowest_number_wins_then_the_lowest_id(bench: Bench) -> None:
    for interrupt in (60, 50, 20, 70):
        bench.pend(interrupt)
    bench.priority(70, 0x90)
    order = []
    for _ in range(4):
        order.append(bench.ack())
        bench.end(order[-1])
    assert order == [70, 20, 50, 60]


def test_priorities_have_five_bits(bench: Bench) -> None:
    bench.priority(50, 0xFF)
    bench.priority(20, 0x57)
    assert (bench.d("IPRIORITYR", 12), bench.r("IPRIORITYR", 5)) == (0xA0F8_A0A0, 0xA0A0_A050)
    bench.write("PMR_EL1", 0xFF)
    bench.pend(50)
    assert (bench.read("PMR_EL1"), bench.irq, bench.read("HPPIR1_EL1")) == (
        0xF8,
        False,
        50,
    )  # never signalled


@pytest.mark.parametrize(("mask", "passes"), [(0xA0, False), (0xA7, False), (0xA8, True), (0, False)])
def test_the_mask_holds_back_equal_and_lower_priorities(bench: Bench, mask: int, passes: bool) -> None:
    bench.pend(50)
    bench.write("PMR_EL1", mask)
    assert (bench.irq, bench.read("HPPIR1_EL1")) == (passes, 50)
    assert bench.ack() == (50 if passes else SPURIOUS)


def test_a_higher_priority_preempts_and_ends_nest(bench: Bench) -> None:
    bench.pend(50)
    assert bench.ack() == 50
    bench.priority(51, 0x98)
    bench.pend(51)
    bench.pend(52)
    assert bench.irq
    assert [bench.ack(), bench.ack(), bench.running] == [51, SPURIOUS, 0x98]
    assert bench.read("AP1R0_EL1") == 1 << (0x98 >> 3) | 1 << (0xA0 >> 3)
    bench.end(51)
    assert (bench.running, bench.irq) == (0xA0, False)
    bench.end(50)
    assert (bench.running, bench.irq) == (0xFF, True)


@pytest.mark.parametrize(
    ("point", "running", "too_low", "preempting"),
    [
        (3, 0xA8, 0xA8, 0xA0),
        (4, 0xA0, 0xA0, 0x98),
        (5, 0xA0, 0xA0, 0x98),
        (6, 0x80, 0x80, 0x78),
        (7, 0x80, 0x80, 0x78),
    ],
)
def test_the_binary_point_of_group_1(
    bench: Bench, point: int, running: int, too_low: int, preempting: int
) -> None:
    bench.write("BPR1_EL1", point)
    bench.priority(50, 0xA8)
    bench.pend(50)
    assert (bench.ack(), bench.running) == (50, running)
    bench.priority(51, too_low)
    bench.pend(51)
    assert (bench.irq, bench.ack()) == (False, SPURIOUS)
    bench.priority(51, preempting)
    assert (bench.irq, bench.ack()) == (True, 51)


@pytest.mark.parametrize(
    ("point", "running", "too_low", "preempting"),
    [(2, 0xA8, 0xA8, 0xA0), (3, 0xA0, 0xA0, 0x98), (5, 0x80, 0x80, 0x78), (6, 0x80, 0x80, 0x78)],
)
def test_the_binary_point_of_group_0_is_one_lower(
    bench: Bench, point: int, running: int, too_low: int, preempting: int
) -> None:
    with_group_0(bench, 50, 51)
    bench.write("BPR0_EL1", point)
    bench.priority(50, 0xA8)
    bench.pend(50)
    assert (bench.ack(GROUP0), bench.running) == (50, running)
    bench.priority(51, too_low)
    bench.pend(51)
    assert not bench.fiq
    bench.priority(51, preempting)
    assert (bench.fiq, bench.ack(GROUP0)) == (True, 51)


def test_with_the_largest_point_of_group_0_nothing_preempts(bench: Bench) -> None:
    with_group_0(bench, 50, 51)
    bench.write("BPR0_EL1", 7)
    bench.pend(50)
    assert (bench.ack(GROUP0), bench.running, bench.read("AP0R0_EL1")) == (50, 0, 1)
    bench.priority(51, 0)
    bench.pend(51)
    assert not bench.fiq


def test_points_have_a_least_value_each() -> None:
    bench = Bench()
    for value, expected in ((0, (2, 3)), (7, (7, 7)), (5, (5, 5)), (~0, (7, 7)), (3, (3, 3))):
        bench.write("BPR0_EL1", value)
        bench.write("BPR1_EL1", value)
        assert (bench.read("BPR0_EL1"), bench.read("BPR1_EL1")) == expected


def test_one_point_for_both_groups(bench: Bench) -> None:
    bench.write("BPR0_EL1", 5)
    bench.write("CTLR_EL1", 1)
    bench.write("BPR1_EL1", 3)
    assert bench.read("BPR1_EL1") == 6  # that of group 0, one higher; the write went nowhere
    bench.pend(50)
    assert (bench.ack(), bench.running) == (50, 0x80)
    bench.end(50)
    bench.write("BPR0_EL1", 7)
    assert bench.read("BPR1_EL1") == 7
    bench.write("CTLR_EL1", 0)
    assert bench.read("BPR1_EL1") == 3
    bench.pend(50)
    assert (bench.ack(), bench.running) == (50, 0xA0)


def test_groups_preempt_each_other_by_the_bits_of_the_one_that_comes(bench: Bench) -> None:
    with_group_0(bench, 51)
    bench.write("BPR0_EL1", 6)
    bench.priority(51, 0x80)
    bench.pend(50)
    assert bench.ack() == 50
    bench.pend(51)
    assert not bench.fiq  # 0x80 and 0xa0 are one in bit 7
    bench.write("BPR0_EL1", 2)
    assert (bench.fiq, bench.ack(GROUP0)) == (True, 51)
    assert (bench.read("AP0R0_EL1"), bench.read("AP1R0_EL1"), bench.running) == (1 << 16, 1 << 20, 0x80)
    bench.end(50)  # group 1 is not what runs
    assert bench.running == 0x80
    bench.end(51, GROUP0)
    bench.end(50)
    assert (bench.running, bench.read("AP0R0_EL1"), bench.read("AP1R0_EL1")) == (0xFF, 0, 0)
    assert len(bench.log) == 1


@pytest.mark.parametrize("group", [GROUP0, GROUP1])
def test_active_priorities_can_be_put_back_and_wiped(bench: Bench, group: int) -> None:
    bench.pend(50)
    bench.write(f"AP{group}R0_EL1", 1 << 31 | 1 << 4 | 1 << 40)
    assert (bench.read(f"AP{group}R0_EL1"), bench.running, bench.irq) == (1 << 31 | 1 << 4, 0x20, False)
    bench.write(f"AP{group}R0_EL1", 0)
    assert (bench.running, bench.irq) == (0xFF, True)
