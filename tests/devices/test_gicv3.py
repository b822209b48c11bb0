"""GICv3: identification, reset values, access rules, inputs, and what drivers do to bring it up."""

from __future__ import annotations

from typing import Any

import pytest

from devices.gicv3.regs import CPU_INTERFACE, DISTRIBUTOR, REDISTRIBUTOR
from soc.address import PhysAddr
from soc.device import CpuInterface, InterruptController
from soc.system_registers import SystemRegisterTable, system_register
from tests.devices.gicv3_bench import EDGE, GICD, GICR, LEVEL, SPURIOUS, Bench

ALL_ONES = 0xFFFF_FFFF


@pytest.fixture
def bench() -> Bench:
    return Bench().start()


# --- identification and reset ------------------------------------------------------

AGREED_WITH_QEMU = [
    ("d", "CTLR", 0x50),
    ("d", "IIDR", 0x43B),
    ("d", "TYPER2", 0),
    ("d", "STATUSR", 0),
    *[("d", f"PIDR{i}", value) for i, value in enumerate([0x92, 0xB4, 0x3B, 0, 0x44, 0, 0, 0])],
    *[("d", f"CIDR{i}", value) for i, value in enumerate([0x0D, 0xF0, 0x05, 0xB1])],
    ("d", "ICFGR", 0),
    ("d", "IGROUPR", 0),
    ("d", "ISENABLER", 0),
    ("d", "IROUTER", 0),
    ("r", "IIDR", 0x43B),
    ("r", "WAKER", 0x6),
    *[("r", f"PIDR{i}", value) for i, value in enumerate([0x93, 0xB4, 0x3B, 0, 0x44])],
    ("r", "IGROUPR0", 0),
    ("r", "ISENABLER0", 0),
    ("r", "IPRIORITYR", 0),
    ("r", "ICFGR", 0xAAAA_AAAA),
    ("icc", "PMR_EL1", 0),
    ("icc", "BPR0_EL1", 2),
    ("icc", "BPR1_EL1", 3),
    ("icc", "IAR0_EL1", 1023),
    ("icc", "IAR1_EL1", 1023),
    ("icc", "HPPIR0_EL1", 1023),
    ("icc", "HPPIR1_EL1", 1023),
    ("icc", "RPR_EL1", 0xFF),
    ("icc", "AP0R0_EL1", 0),
    ("icc", "AP1R0_EL1", 0),
    ("icc", "IGRPEN0_EL1", 0),
    ("icc", "IGRPEN1_EL1", 0),
    ("icc", "SRE_EL1", 0x7),
    ("icc", "SRE_EL2", 0xF),
]
"""Read once by hand from QEMU 7.2's virt machine (gic-version=3, cortex-a72), a model nobody here wrote."""


@pytest.mark.parametrize(("where", "name", "value"), AGREED_WITH_QEMU, ids=lambda item: str(item))
def test_reset_values_are_those_of_another_model(where: str, name: str, value: int) -> None:
    bench = Bench()
    read: Any = {"d": bench.d, "r": bench.r, "icc": bench.read}[where]
    assert read(name) == value


def test_types_say_what_is_there() -> None:
    """Here QEMU differs, for it has LPIs: TYPER 0x037a0007, GICR_TYPER 0x01000011, ICC_CTLR_EL1 0x8c00."""
    bench = Bench()
    typer = DISTRIBUTOR["TYPER"]
    found = {field.name: field.get(bench.d("TYPER")) for field in typer.fields if field.get(bench.d("TYPER"))}
    assert found == {"ITLinesNumber": 7, "IDbits": 9, "A3V": 1}  # 256 interrupts, IDs of 10 bits
    assert bench.d("TYPER") == 0x0148_0007
    assert bench.r("TYPER") == 0x10  # Last, affinity 0.0.0.0
    assert bench.r("CTLR") == 0
    assert bench.read("CTLR_EL1") == bench.read("CTLR_EL3") == 0x8400  # five priority bits, 16 of ID, A3V
    assert bench.read("SRE_EL3") == 0xF


def test_it_is_an_interrupt_controller_with_registers_in_the_cpu() -> None:
    gic = Bench().gic
    assert isinstance(gic, InterruptController)
    assert isinstance(gic, CpuInterface)
    assert (gic.compatible, gic.dma) == (("arm,gic-v3",), False)
    assert [table.span for table in gic.tables] == [0x1_0000, 0x2_0000, 0]


def test_each_row_of_the_table_is_a_register_of_the_cpu() -> None:
    registers = Bench().gic.cpu_registers
    assert isinstance(CPU_INTERFACE, SystemRegisterTable)
    assert len(registers) == len(CPU_INTERFACE.registers) == 26
    for row in CPU_INTERFACE.registers:
        register = registers[system_register(row.offset)]
        assert (register.name, register.level) == (row.name, int(row.name[-1]))
        assert (register.read is not None, register.write is not None) == (
            row.access != "wo",
            row.access != "ro",
        )


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ((3, 0, 4, 6, 0), "ICC_PMR_EL1"),
        ((3, 0, 12, 8, 0), "ICC_IAR0_EL1"),
        ((3, 0, 12, 8, 4), "ICC_AP0R0_EL1"),
        ((3, 0, 12, 9, 0), "ICC_AP1R0_EL1"),
        ((3, 0, 12, 11, 1), "ICC_DIR_EL1"),
        ((3, 0, 12, 11, 3), "ICC_RPR_EL1"),
        ((3, 0, 12, 11, 5), "ICC_SGI1R_EL1"),
        ((3, 0, 12, 11, 6), "ICC_ASGI1R_EL1"),
        ((3, 0, 12, 11, 7), "ICC_SGI0R_EL1"),
        ((3, 0, 12, 12, 0), "ICC_IAR1_EL1"),
        ((3, 0, 12, 12, 1), "ICC_EOIR1_EL1"),
        ((3, 0, 12, 12, 2), "ICC_HPPIR1_EL1"),
        ((3, 0, 12, 12, 3), "ICC_BPR1_EL1"),
        ((3, 0, 12, 12, 4), "ICC_CTLR_EL1"),
        ((3, 0, 12, 12, 5), "ICC_SRE_EL1"),
        ((3, 0, 12, 12, 7), "ICC_IGRPEN1_EL1"),
        ((3, 4, 12, 9, 5), "ICC_SRE_EL2"),
        ((3, 4, 12, 11, 0), "ICH_HCR_EL2"),
        ((3, 4, 12, 11, 1), "ICH_VTR_EL2"),
        ((3, 6, 12, 12, 4), "ICC_CTLR_EL3"),
        ((3, 6, 12, 12, 5), "ICC_SRE_EL3"),
        ((3, 6, 12, 12, 7), "ICC_IGRPEN1_EL3"),
    ],
)
def test_system_registers_are_where_kernels_look(place: tuple[int, ...], name: str) -> None:
    assert Bench().gic.cpu_registers[place].name == name  # type: ignore[index]


# --- access rules ------------------------------------------------------------------


def test_only_implemented_bits_of_the_distributor_stay() -> None:
    bench = Bench()
    for name in ("CTLR", "IPRIORITYR", "ICFGR", "IROUTER", "TYPER", "ITARGETSR", "SGIR", "IGRPMODR", "NSACR"):
        bench.set_d(name, (1 << 64) - 1, DISTRIBUTOR[name].count - 1)
    assert bench.d("CTLR") == 0x53  # both groups; ARE and DS stay, RWP is never seen
    assert (bench.d("IPRIORITYR", 63), bench.d("ICFGR", 15)) == (0xF8F8_F8F8, 0xAAAA_AAAA)
    assert bench.d("IROUTER", 223) == 0xFF_80FF_FFFF
    assert (bench.d("TYPER"), bench.d("ITARGETSR", 63), bench.d("SGIR")) == (0x0148_0007, 0, 0)
    assert (bench.d("IGRPMODR", 7), bench.d("NSACR", 15)) == (0, 0)
    bench.set_d("CTLR", 0)
    assert bench.d("CTLR") == 0x50


def test_private_interrupts_are_not_the_distributors() -> None:
    bench = Bench()
    for name in ("IGROUPR", "ISENABLER", "ISPENDR", "ISACTIVER", "IPRIORITYR", "ICFGR"):
        bench.set_d(name, ALL_ONES)
        assert bench.d(name) == 0
    bench.set_d("IPRIORITYR", ALL_ONES, 7)
    bench.set_d("ICFGR", ALL_ONES, 1)
    assert (bench.d("IPRIORITYR", 7), bench.d("ICFGR", 1), bench.log) == (0, 0, [])
    assert [bench.r(f"{name}0") for name in ("IGROUPR", "ISENABLER", "ISPENDR", "ISACTIVER")] == [0, 0, 0, 0]
    assert [bench.r("IPRIORITYR", i) for i in range(8)] == [0] * 8


def test_only_implemented_bits_of_the_redistributor_stay() -> None:
    bench = Bench()
    for name in ("CTLR", "TYPER", "IGROUPR0", "PROPBASER", "PENDBASER", "IGRPMODR0", "NSACR", "WAKER"):
        bench.set_r(name, (1 << 64) - 1)
    assert (bench.r("CTLR"), bench.r("TYPER"), bench.r("IGROUPR0")) == (0, 0x10, ALL_ONES)
    assert [bench.r(n) for n in ("PROPBASER", "PENDBASER", "IGRPMODR0", "NSACR", "WAKER")] == [0, 0, 0, 0, 6]
    for index, expected in enumerate([0xAAAA_AAAA, 0xAAAA_AAAA]):
        bench.set_r("ICFGR", ALL_ONES, index)
        assert bench.r("ICFGR", index) == expected
    for index, expected in enumerate([0xAAAA_AAAA, 0]):  # SGIs are edges by design
        bench.set_r("ICFGR", 0, index)
        assert bench.r("ICFGR", index) == expected


def test_registers_of_64_bits_are_read_in_halves_too() -> None:
    bench = Bench()
    bench.set_d("IROUTER", 0x12_0003_0405, 1)
    place = PhysAddr(GICD + 0x6108)
    assert [bench.cpu.read(PhysAddr(place + 4 * i), 4) for i in range(2)] == [0x0003_0405, 0x12]
    bench.cpu.write(PhysAddr(place + 4), 4, 0x34)
    assert bench.cpu.read(place, 8) == 0x34_0003_0405
    assert [bench.cpu.read(PhysAddr(GICR + 8 + 4 * i), 4) for i in range(2)] == [0x10, 0]


def test_frames_of_the_redistributor_are_64_kib_apart() -> None:
    assert REDISTRIBUTOR.offset("WAKER") == 0x14
    assert REDISTRIBUTOR.offset("PIDR2") == DISTRIBUTOR.offset("PIDR2") == 0xFFE8
    assert REDISTRIBUTOR.offset("ISENABLER0") == 0x1_0100
    assert REDISTRIBUTOR.offset("ICFGR", 1) == 0x1_0C04
    assert DISTRIBUTOR.offset("IROUTER", 1) == 0x6000 + 8 * 33


# --- inputs ------------------------------------------------------------------------


def test_lines_of_one_interrupt_are_ored(bench: Bench) -> None:
    one, two = bench.gic.input((0, 0, LEVEL)), bench.gic.input((0, 0, LEVEL, 0))
    one(True)
    two(True)
    one(False)
    assert bench.irq
    two(False)
    assert not bench.irq


def test_a_partition_of_a_ppi_has_the_cpu_in_it(bench: Bench) -> None:
    bench.gic.input((1, 11, 8, 0x17))(True)
    assert bench.ack() == 27


@pytest.mark.parametrize(
    ("specifier", "message"),
    [
        ((0, 1), "a GIC interrupt has 3 cells (type, number, flags), not 2"),
        ((0, 1, 4, 0, 0), "a GIC interrupt has 3 cells (type, number, flags), not 5"),
        ((0, 1, 4, 9), "the fourth cell of an SPI must be 0, not 9"),
        ((2, 1, 4), "interrupt type must be 0 (SPI) or 1 (PPI), not 2"),
        ((0, 224, EDGE), "SPI number must be 0..223, not 224"),
        ((1, 16, 4, 0), "PPI number must be 0..15, not 16"),
        ((0, 1, 8), "SPI trigger must be 1 (rising edge) or 4 (high level), not 8"),
    ],
)
def test_a_wrong_specifier_names_its_cell(specifier: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Bench().gic.input(specifier)
    assert str(caught.value) == message


# --- bring-up ----------------------------------------------------------------------


def test_a_driver_finds_its_redistributor_and_wakes_it() -> None:
    """The checks of Linux: architecture 3, affinity, Last, no wider frames; then WAKER and RWP polled."""
    bench = Bench()
    assert bench.r("PIDR2") >> 4 & 0xF == bench.d("PIDR2") >> 4 & 0xF == 3
    typer = bench.r("TYPER")
    assert (typer >> 32, typer >> 4 & 1, typer >> 1 & 1, typer & 1) == (0, 1, 0, 0)
    bench.set_d("CTLR", 0)
    assert not bench.d("CTLR") >> 31
    bench.set_r("WAKER", bench.r("WAKER") & ~2)
    assert not bench.r("WAKER") & 4
    assert not bench.r("CTLR") & 8
    bench.set_r("WAKER", 2)
    assert bench.r("WAKER") == 6


def test_a_driver_finds_that_it_may_use_group_0() -> None:
    bench = Bench()
    assert bench.read("CTLR_EL1") >> 8 & 7 == 4
    bench.write("PMR_EL1", 1 << 8 - 5)
    assert bench.read("PMR_EL1") == 8
    assert bench.d("CTLR") & 1 << 6  # DS: no view of priorities from another side


def test_el2_switches_el1s_registers_on_and_the_virtual_interface_off() -> None:
    bench = Bench()
    registers = bench.gic.cpu_registers
    bench.write("SRE_EL2", bench.read("SRE_EL2") | 9)
    assert bench.read("SRE_EL2") & 1
    control, kind = registers[(3, 4, 12, 11, 0)], registers[(3, 4, 12, 11, 1)]
    assert control.write and control.read and kind.read and kind.write is None
    control.write(0)
    assert (control.read(), kind.read() & 0x1F, bench.log) == (0, 0, [])
    for _ in range(2):
        control.write(1)
    assert control.read() == 1
    assert bench.log == ["gicv3-cpu: ICH_HCR_EL2.En has no effect: the virtual interface is not modelled"]


def test_el3_sees_the_same_switches() -> None:
    bench = Bench()
    bench.write("IGRPEN1_EL3", 3)  # the Secure bit is not there
    assert (bench.read("IGRPEN1_EL3"), bench.read("IGRPEN1_EL1")) == (1, 1)
    bench.write("CTLR_EL3", 0x12)
    assert (bench.read("CTLR_EL3"), bench.read("CTLR_EL1")) == (0x8412, 0x8403)
    bench.write("CTLR_EL3", 0)
    bench.write("SRE_EL3", 0)
    assert (bench.read("CTLR_EL1"), bench.read("SRE_EL3"), bench.read("IAR1_EL1")) == (0x8400, 0xF, SPURIOUS)
