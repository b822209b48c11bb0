"""GIC-400: what its registers keep, and what they say of it."""

from __future__ import annotations

import pytest

from devices.gic400.regs import CPU_INTERFACE, DISTRIBUTOR
from soc.address import PhysAddr
from soc.device import InterruptController
from tests.devices.gic400_bench import GICC, GICD, Bench


def test_identification_is_a_gic_400s() -> None:
    bench = Bench()
    assert isinstance(bench.gic, InterruptController)
    assert (bench.d("IIDR"), bench.c("IIDR")) == (0x0200143B, 0x0202143B)
    assert bench.d("TYPER") == 4  # 160 interrupts, one CPU, no security extensions
    assert [bench.d(f"PIDR{i}") for i in range(8)] == [0x90, 0xB4, 0x2B, 0, 4, 0, 0, 0]
    assert [bench.d(f"CIDR{i}") for i in range(4)] == [0x0D, 0xF0, 0x05, 0xB1]
    assert DISTRIBUTOR.offset("PIDR2") == 0xFE8
    assert CPU_INTERFACE.offset("DIR") == 0x1000


def test_reset_values() -> None:
    bench = Bench()
    assert [bench.d("ISENABLER", i) for i in range(5)] == [0xFFFF, 0, 0, 0, 0]
    assert [bench.d("ICFGR", i) for i in range(3)] == [0xAAAA_AAAA, 0x5555_5555, 0x5555_5555]
    names = ("CTLR", "PMR", "BPR", "ABPR", "IAR", "AIAR", "HPPIR", "AHPPIR", "RPR")
    assert [bench.c(name) for name in names] == [0, 0, 2, 3, 1023, 1023, 1023, 1023, 0xFF]


def test_only_implemented_bits_stay() -> None:
    bench = Bench()
    bench.set_d("CTLR", 0xFFFF_FFFF)
    bench.set_d("IPRIORITYR", 0xFFFF_FFFF, 39)
    bench.set_d("ITARGETSR", 0xFFFF_FFFF, 39)
    for index in range(3):
        bench.set_d("ICFGR", 0xFFFF_FFFF, index)
    for name in ("CTLR", "PMR", "BPR", "ABPR"):
        bench.set_c(name, 0xFFFF_FFFF)
    assert (bench.d("CTLR"), bench.d("IPRIORITYR", 39), bench.d("ITARGETSR", 39)) == (3, 0xF8F8_F8F8, 0)
    assert [bench.d("ICFGR", i) for i in range(3)] == [0xAAAA_AAAA, 0x5555_5555, 0xFFFF_FFFF]
    assert [bench.c(name) for name in ("CTLR", "PMR", "BPR", "ABPR")] == [0x3FF, 0xF8, 7, 7]
    bench.set_c("BPR", 0)
    bench.set_c("ABPR", 0)
    assert (bench.c("BPR"), bench.c("ABPR")) == (2, 3)


def test_bytes_of_priorities_and_enables_are_reached_alone() -> None:
    bench = Bench()
    bench.priority(42, 0xA8)
    assert bench.d("IPRIORITYR", 10) == 0x00A8_0000
    assert bench.cpu.read(PhysAddr(GICD + 0x400 + 42), 1) == 0xA8
    bench.cpu.write(PhysAddr(GICD + 0x106), 1, 0xFF)
    assert bench.d("ISENABLER", 1) == 0x00FF_0000
    bench.cpu.write(PhysAddr(GICD + 0x186), 2, 0x000F)
    assert bench.d("ICENABLER", 1) == 0x00F0_0000


@pytest.mark.parametrize("offset", [*range(0xD4, 0xE0, 4), *range(0xE4, 0xF0, 4)])
def test_active_priorities_beyond_32_levels_are_zero_and_nothing_to_remark(offset: int) -> None:
    bench = Bench()
    bench.cpu.write(PhysAddr(GICC + offset), 4, 0xFFFF_FFFF)
    assert bench.cpu.read(PhysAddr(GICC + offset), 4) == 0
    assert (bench.c("RPR"), bench.log) == (0xFF, [])


def test_a_hole_is_remarked_on() -> None:
    bench = Bench()
    assert bench.cpu.read(PhysAddr(GICC + 0xF0), 4) == 0
    assert bench.log == ["gicc: no register at offset 0xf0"]
