"""GIC-400: states, prioritisation and groups, as software sees them."""

from __future__ import annotations

import pytest

from tests.devices.gic400_bench import EDGE, LEVEL, SPURIOUS, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench().start()


# --- one interrupt ---------------------------------------------------------------


def test_a_level_interrupt_lives_as_long_as_its_line(bench: Bench) -> None:
    sink = bench.gic.input((0, 1, LEVEL))
    assert not bench.irq
    sink(True)
    assert (bench.irq, bench.d("ISPENDR", 1), bench.d("SPISR"), bench.c("HPPIR")) == (True, 2, 2, 33)
    assert bench.c("IAR") == 33
    assert (bench.irq, bench.c("RPR"), bench.d("ISACTIVER", 1), bench.d("ISPENDR", 1)) == (False, 0xA0, 2, 2)
    bench.set_c("EOIR", 33)
    assert (bench.irq, bench.c("RPR"), bench.d("ISACTIVER", 1)) == (True, 0xFF, 0)
    assert bench.c("IAR") == 33
    sink(False)
    bench.set_c("EOIR", 33)
    assert (bench.irq, bench.c("IAR"), bench.log) == (False, SPURIOUS, [])


def test_an_edge_interrupt_is_remembered_once(bench: Bench) -> None:
    bench.edge(40)
    sink = bench.gic.input((0, 8, EDGE))
    for level in (True, False, True, False):
        sink(level)
    assert bench.c("IAR") == 40
    sink(True)
    assert not bench.irq
    bench.set_c("EOIR", 40)
    assert bench.c("IAR") == 40
    bench.set_c("EOIR", 40)
    assert bench.c("IAR") == SPURIOUS


def test_a_level_pulse_is_lost(bench: Bench) -> None:
    sink = bench.gic.input((0, 8, LEVEL))
    sink(True)
    sink(False)
    assert (bench.irq, bench.d("ISPENDR", 1), bench.c("IAR")) == (False, 0, SPURIOUS)


def test_sgis_cannot_be_disabled_or_made_pending_by_the_common_registers(bench: Bench) -> None:
    bench.set_d("ICENABLER", 0xFFFF_FFFF)
    assert bench.d("ISENABLER") == 0xFFFF
    bench.set_d("ISPENDR", 0xFFFF)
    assert bench.d("ISPENDR") == 0
    bench.set_d("SGIR", 0x0001_0005)
    bench.set_d("ICPENDR", 0xFFFF)
    assert bench.d("ISPENDR") == 1 << 5


def test_software_sets_and_clears_pending(bench: Bench) -> None:
    bench.pend(50)
    assert (bench.irq, bench.d("ICPENDR", 1)) == (True, 1 << 18)
    bench.set_d("ICPENDR", 1 << 18, 1)
    assert (bench.irq, bench.d("ISPENDR", 1)) == (False, 0)
    sink = bench.gic.input((0, 18, LEVEL))
    sink(True)
    bench.set_d("ICPENDR", 1 << 18, 1)
    assert bench.irq  # an asserted level cannot be cleared


def test_sgis_by_list_and_to_self(bench: Bench) -> None:
    for value in (0x0002_0003, 0x0100_0003):  # another CPU; all other CPUs
        bench.set_d("SGIR", value)
        assert not bench.irq
    bench.set_d("SGIR", 0x0001_0003)
    bench.set_d("SGIR", 0x0200_0007)
    assert bench.d("ISPENDR") == 0x88
    assert [bench.d("SPENDSGIR", i) for i in range(2)] == [0x0100_0000, 0x0100_0000]
    bench.set_d("CPENDSGIR", 0xFF00_0000, 1)
    bench.set_d("SPENDSGIR", 0x0000_0001, 2)
    assert [bench.c("IAR"), bench.d("ISPENDR")] == [3, 1 << 8]


def test_lines_of_one_interrupt_are_ored(bench: Bench) -> None:
    one, two = bench.gic.input((0, 0, LEVEL)), bench.gic.input((0, 0, LEVEL))
    one(False)
    one(True)
    two(True)
    one(False)
    assert bench.irq
    two(False)
    assert not bench.irq


def test_ppis_have_lines_of_their_own(bench: Bench) -> None:
    bench.gic.input((1, 11, 0xF08))(True)
    assert (bench.c("IAR"), bench.d("PPISR")) == (27, 1 << 11)


@pytest.mark.parametrize(
    ("specifier", "message"),
    [
        ((0, 1), "a GIC interrupt has 3 cells (type, number, flags), not 2"),
        ((2, 1, 4), "interrupt type must be 0 (SPI) or 1 (PPI), not 2"),
        ((0, 128, 4), "SPI number must be 0..127, not 128"),
        ((0, -1, 4), "SPI number must be 0..127, not -1"),
        ((1, 16, 4), "PPI number must be 0..15, not 16"),
        ((0, 1, 8), "SPI trigger must be 1 (rising edge) or 4 (high level), not 8"),
        ((1, 1, 0xF00), "PPI trigger must be 1, 2, 4 or 8, not 0"),
    ],
)
def test_a_wrong_specifier_names_its_cell(specifier: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Bench().gic.input(specifier)
    assert str(caught.value) == message


# --- priorities ------------------------------------------------------------------


def test_the_lowest_number_wins_then_the_lowest_id(bench: Bench) -> None:
    for interrupt in (60, 50, 70):
        bench.pend(interrupt)
    bench.priority(70, 0x90)
    order = []
    for _ in range(3):
        order.append(bench.c("IAR"))
        bench.set_c("EOIR", order[-1])
    assert order == [70, 50, 60]


def test_the_mask_holds_back_equal_and_lower_priorities(bench: Bench) -> None:
    bench.pend(50)
    bench.set_c("PMR", 0xA0)
    assert (bench.irq, bench.c("IAR"), bench.c("HPPIR")) == (False, SPURIOUS, 50)
    bench.set_c("PMR", 0xA8)
    assert (bench.irq, bench.c("IAR")) == (True, 50)


def test_a_higher_priority_preempts_and_ends_nest(bench: Bench) -> None:
    bench.pend(50)
    assert bench.c("IAR") == 50
    bench.priority(51, 0x98)
    bench.pend(51)
    bench.pend(52)
    assert bench.irq
    assert [bench.c("IAR"), bench.c("IAR"), bench.c("RPR")] == [51, SPURIOUS, 0x98]
    assert bench.c("APR0") == 1 << (0x98 >> 3) | 1 << (0xA0 >> 3)
    bench.set_c("EOIR", 51)
    assert (bench.c("RPR"), bench.irq) == (0xA0, False)
    bench.set_c("EOIR", 50)
    assert (bench.c("RPR"), bench.irq) == (0xFF, True)


def test_the_binary_point_decides_what_preempts(bench: Bench) -> None:
    bench.set_c("BPR", 5)  # bits 7:6 are the group priority
    bench.pend(50)
    assert (bench.c("IAR"), bench.c("RPR")) == (50, 0x80)
    bench.priority(51, 0x80)
    bench.pend(51)
    assert (bench.irq, bench.c("IAR")) == (False, SPURIOUS)
    bench.priority(51, 0x78)
    assert (bench.irq, bench.c("IAR"), bench.c("RPR")) == (True, 51, 0x40)


def test_end_and_deactivate_are_apart_in_eoi_mode(bench: Bench) -> None:
    bench.set_c("CTLR", 0x201)
    sink = bench.gic.input((0, 18, LEVEL))
    sink(True)
    assert bench.c("IAR") == 50
    bench.set_c("EOIR", 50)
    assert (bench.c("RPR"), bench.d("ISACTIVER", 1), bench.irq) == (0xFF, 1 << 18, False)
    bench.pend(51)
    assert bench.c("IAR") == 51
    bench.set_c("DIR", 50)
    assert (bench.d("ISACTIVER", 1), bench.c("RPR")) == (1 << 19, 0xA0)
    bench.set_c("EOIR", 51)
    assert bench.c("IAR") == 50


def test_ends_without_effect_are_named_once(bench: Bench) -> None:
    for _ in range(2):
        bench.set_c("EOIR", 77)
        bench.set_c("DIR", 77)
        bench.set_c("EOIR", SPURIOUS)
        bench.set_c("DIR", 160)
    assert bench.log == [
        "gicc: EOIR ignored: interrupt 77 is not active",
        "gicc: DIR ignored: interrupt 77 cannot be deactivated while EOImode is 0",
    ]


def test_active_state_is_writable(bench: Bench) -> None:
    bench.pend(50)
    bench.set_d("ISACTIVER", 1 << 18, 1)
    assert (bench.irq, bench.c("IAR")) == (False, SPURIOUS)
    bench.set_d("ICACTIVER", 1 << 18, 1)
    assert bench.irq


# --- groups ----------------------------------------------------------------------


def test_group_1_answers_in_the_aliased_registers(bench: Bench) -> None:
    bench.set_d("IGROUPR", 1 << 18, 1)
    bench.pend(50)
    assert not bench.irq  # group 1 is off in the distributor
    bench.set_d("CTLR", 3)
    assert (bench.irq, bench.c("HPPIR")) == (False, SPURIOUS)  # and in the CPU interface
    bench.set_c("CTLR", 3)
    assert bench.irq
    assert (bench.c("HPPIR"), bench.c("IAR"), bench.c("AHPPIR")) == (1022, 1022, 50)
    assert bench.c("AIAR") == 50
    assert (bench.c("NSAPR0"), bench.c("APR0")) == (1 << (0xA0 >> 3), 0)
    bench.set_c("AEOIR", 50)
    assert (bench.c("NSAPR0"), bench.c("RPR")) == (0, 0xFF)
    bench.pend(50)
    bench.set_c("CTLR", 7)  # AckCtl
    assert (bench.c("HPPIR"), bench.c("IAR")) == (50, 50)


def test_the_aliased_registers_leave_group_0_alone(bench: Bench) -> None:
    bench.pend(50)
    assert (bench.c("AHPPIR"), bench.c("AIAR"), bench.c("IAR")) == (SPURIOUS, SPURIOUS, 50)
    bench.set_c("AEOIR", 50)
    assert (bench.c("RPR"), bench.log) == (0xA0, ["gicc: AEOIR ignored: interrupt 50 belongs to group 0"])


def test_the_groups_have_binary_points_of_their_own(bench: Bench) -> None:
    bench.set_d("CTLR", 3)
    bench.set_d("IGROUPR", 1 << 18, 1)
    bench.set_c("ABPR", 6)  # bits 7:6
    bench.set_c("CTLR", 7)
    bench.pend(50)
    assert (bench.c("IAR"), bench.c("RPR")) == (50, 0x80)
    bench.set_c("EOIR", 50)
    bench.set_c("CTLR", 0x17)  # CBPR: BPR, 2, holds for both
    bench.pend(50)
    assert (bench.c("IAR"), bench.c("RPR")) == (50, 0xA0)


def test_group_0_can_be_an_fiq(bench: Bench) -> None:
    bench.set_c("CTLR", 9)
    bench.pend(50)
    assert (bench.irq, bench.gic.cpu_fiq.level) == (False, True)
    assert bench.c("IAR") == 50
    assert not bench.gic.cpu_fiq.level
