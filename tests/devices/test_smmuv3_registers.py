"""SMMUv3 registers: what software can write, and when. Source: ARM IHI 0070, chapter 6."""

from __future__ import annotations

import pytest

from devices.smmuv3.regs import TABLE
from soc.address import PhysAddr
from soc.iommu.port import DmaAbort
from tests.devices.smmuv3_bench import (
    CMDQ_BASE,
    CMDQ_CONS,
    CMDQ_PROD,
    CMDQEN,
    CR0,
    CR0ACK,
    CR1,
    CR2,
    DATA,
    EVENTQ_BASE,
    EVENTQ_CONS,
    EVENTQ_IRQ_CFG0,
    EVENTQ_IRQ_CFG1,
    EVENTQ_IRQ_CFG2,
    EVENTQ_PROD,
    EVENTQEN,
    GBPA,
    GERROR_IRQ_CFG0,
    GERROR_IRQ_CFG1,
    GERROR_IRQ_CFG2,
    GERRORN,
    IRQ_CTRL,
    IRQ_CTRLACK,
    RAM,
    RAM_SIZE,
    REGISTERS,
    SMMUEN,
    STREAMS,
    STRTAB_BASE,
    STRTAB_BASE_CFG,
    Bench,
)


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.dram.banks[0].close()


def get64(bench: Bench, offset: int) -> int:
    return bench.cpu.read(PhysAddr(REGISTERS + offset), 8)


def test_what_the_identification_registers_promise(bench):
    names = ("IDR0", "IDR1", "IDR2", "IDR3", "IDR4", "IDR5", "IIDR", "AIDR")
    values = {name: bench.get(TABLE.offset(name)) for name in names}
    assert values == {
        "IDR0": 0x084C_709B,
        "IDR1": 0x0507_0410,
        "IDR2": 0,
        "IDR3": 0x0000_0414,
        "IDR4": 0,
        "IDR5": 0x0040_0072,
        "IIDR": 0,
        "AIDR": 1,
    }
    assert RAM + RAM_SIZE < 1 << 40


@pytest.mark.parametrize(
    "register", [item for item in TABLE.registers if item.access == "ro"], ids=lambda r: r.name
)
def test_read_only_registers_ignore_writes(bench, register):
    before = bench.get(register.offset)
    bench.set(register.offset, 0xFFFF_FFFF)
    assert bench.get(register.offset) == before == register.reset & 0xFFFF_FFFF


WRITABLE = [
    (CR1, 4, 0xFFF),
    (CR2, 4, 0x2),
    (GERRORN, 4, 0xB5),
    (STRTAB_BASE, 8, 0x400F_FFFF_FFFF_FFC0),
    (STRTAB_BASE_CFG, 4, 0x3_07FF),
    (CMDQ_BASE, 8, 0x400F_FFFF_FFFF_FFFF),
    (CMDQ_PROD, 4, 0xF_FFFF),
    (CMDQ_CONS, 4, 0x7F0F_FFFF),
    (EVENTQ_BASE, 8, 0x400F_FFFF_FFFF_FFFF),
    (EVENTQ_PROD, 4, 0x800F_FFFF),
    (EVENTQ_CONS, 4, 0x800F_FFFF),
    (GERROR_IRQ_CFG0, 8, 0x000F_FFFF_FFFF_FFFC),
    (GERROR_IRQ_CFG1, 4, 0xFFFF_FFFF),
    (GERROR_IRQ_CFG2, 4, 0x3F),
    (EVENTQ_IRQ_CFG0, 8, 0x000F_FFFF_FFFF_FFFC),
    (EVENTQ_IRQ_CFG1, 4, 0xFFFF_FFFF),
    (EVENTQ_IRQ_CFG2, 4, 0x3F),
]


@pytest.mark.parametrize(("offset", "size", "mask"), WRITABLE, ids=lambda item: f"{item:#x}")
def test_reserved_bits_stay_zero(bench, offset, size, mask):
    at = PhysAddr(REGISTERS + offset)
    bench.cpu.write(at, size, (1 << 8 * size) - 1)
    assert bench.cpu.read(at, size) == mask
    if size == 8:
        bench.set(offset, 0)
        assert get64(bench, offset) == mask & ~0xFFFF_FFFF, "each half on its own"
        bench.set(offset + 4, 0)
        assert get64(bench, offset) == 0


GUARDED = [
    (CR2, 4, CR0, SMMUEN),
    (STRTAB_BASE, 8, CR0, SMMUEN),
    (STRTAB_BASE_CFG, 4, CR0, SMMUEN),
    (CMDQ_BASE, 8, CR0, CMDQEN),
    (CMDQ_CONS, 4, CR0, CMDQEN),
    (EVENTQ_BASE, 8, CR0, EVENTQEN),
    (EVENTQ_PROD, 4, CR0, EVENTQEN),
    (GERROR_IRQ_CFG0, 8, IRQ_CTRL, 1),
    (GERROR_IRQ_CFG1, 4, IRQ_CTRL, 1),
    (GERROR_IRQ_CFG2, 4, IRQ_CTRL, 1),
    (EVENTQ_IRQ_CFG0, 8, IRQ_CTRL, 4),
    (EVENTQ_IRQ_CFG1, 4, IRQ_CTRL, 4),
    (EVENTQ_IRQ_CFG2, 4, IRQ_CTRL, 4),
]


@pytest.mark.parametrize(("offset", "size", "enable", "bit"), GUARDED, ids=lambda item: f"{item:#x}")
def test_a_guarded_register_is_read_only_exactly_while_its_enable_is_set(bench, offset, size, enable, bit):
    at = PhysAddr(REGISTERS + offset)
    every = 0xD if enable == CR0 else 5
    bench.set(enable, bit)
    bench.cpu.write(at, size, 0x2)
    assert bench.cpu.read(at, size) == 0
    bench.set(enable, every & ~bit)
    value = 0x40 if offset in (STRTAB_BASE, EVENTQ_IRQ_CFG0, GERROR_IRQ_CFG0) else 0x2
    bench.cpu.write(at, size, value)
    assert bench.cpu.read(at, size) == value


def test_queue_and_table_attributes_are_guarded_apart(bench):
    for enables, kept in ((SMMUEN, 0x03F), (CMDQEN, 0xFC0), (EVENTQEN, 0xFC0), (SMMUEN | CMDQEN, 0)):
        bench.set(CR0, 0)
        bench.set(CR1, 0)
        bench.set(CR0, enables)
        bench.set(CR1, 0xFFF)
        assert bench.get(CR1) == kept


def test_enables_are_acknowledged_at_once(bench):
    bench.set(CR0, 0xFFFF_FFFF)
    assert bench.get(CR0) == bench.get(CR0ACK) == SMMUEN | EVENTQEN | CMDQEN
    bench.set(IRQ_CTRL, 0xFFFF_FFFF)
    assert bench.get(IRQ_CTRL) == bench.get(IRQ_CTRLACK) == 5


def test_bypass_attributes_change_by_the_update_procedure_only(bench):
    assert bench.get(GBPA) == 0x1000
    bench.set(GBPA, 0x1F_3F1F)
    assert bench.get(GBPA) == 0x1000
    bench.set(GBPA, 0xFFFF_FFFF)
    assert bench.get(GBPA) == 0x1F_3F1F


def test_while_it_is_off_addresses_must_fit_the_bus(bench):
    assert bench.access((1 << 40) - 4) == [((1 << 40) - 4, 4)]
    with pytest.raises(DmaAbort) as caught:
        bench.access((1 << 40) - 4, 8, write=True)
    assert str(caught.value) == (
        "stream 0x5: write at iova 0xfffffffffc aborted: the SMMU is off and the address is beyond 40 bits"
    )
    assert bench.reports == []


def test_substreams_mean_nothing_while_it_is_off(bench):
    assert bench.access(DATA, substream=77) == [(DATA, 4)]


# --- stream table geometry ---------------------------------------------------


@pytest.mark.parametrize(
    ("config", "base", "table"),
    [
        (0x0_0004, STREAMS + 0x3C0, (STREAMS, 4, 6, False)),
        (0x0_003F, STREAMS, (0, 16, 6, False)),
        (0x1_0000 | 8 << 6 | 10, STREAMS + 0x40, (STREAMS + 0x40, 10, 8, True)),
        (0x1_0000 | 6 << 6 | 16, STREAMS + 0x7FC0, (STREAMS + 0x6000, 16, 6, True)),
        (0x1_0000 | 10 << 6 | 16, STREAMS + 0x3C0, (STREAMS + 0x200, 16, 10, True)),
        (0x1_0000 | 7 << 6 | 8, STREAMS, (STREAMS, 8, 6, True)),
        (0x2_0004, STREAMS, (STREAMS, 4, 6, False)),
        (0x3_0004, STREAMS, (STREAMS, 4, 6, False)),
    ],
    ids=lambda item: f"{item:#x}" if isinstance(item, int) else "",
)
def test_where_the_stream_table_lies(bench, config, base, table):
    bench.set64(STRTAB_BASE, 1 << 62 | base)
    bench.set(STRTAB_BASE_CFG, config)
    found = bench.smmu._stream_table
    assert (found.base, found.log2, found.split, found.two_level) == table
