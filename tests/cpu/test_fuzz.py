"""No guest, however broken, can raise out of the core, crash the host or stand still in time."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.cpu import Image, StopReason
from soc.cpu.entry import BANKS
from tests.conftest import CountFuzz
from tests.cpu.guest import BASE, DEVICE, HOLE, SMALL_DEVICE, GuestMachine

BUDGET = 2000
AREA = BASE + 0x10_0000
VECTORS = AREA + 0x800
TTBR0, TCR, MAIR, SCTLR = (3, 0, 2, 0, 0), (3, 0, 2, 0, 2), (3, 0, 10, 2, 0), (3, 0, 1, 0, 0)
MMU_ON = 0xC5_0838 | 1 | 1 << 2 | 1 << 12

ANY = st.integers(0, (1 << 32) - 1)
SYSTEM = st.integers(0, (1 << 22) - 1).map(lambda bits: 0xD500_0000 | bits)
EXCEPTIONS = st.integers(0, (1 << 24) - 1).map(lambda bits: 0xD400_0000 | bits)
LOADS_STORES = ANY.map(lambda word: word & ~0x0A00_0000 | 0x0800_0000)
BRANCHES = ANY.map(lambda word: word & ~0x0A00_0000 | 0x1400_0000)
WORDS = st.one_of(ANY, SYSTEM, EXCEPTIONS, LOADS_STORES, BRANCHES)
ADDRESSES = st.one_of(
    st.sampled_from([AREA, DEVICE, SMALL_DEVICE + 0x1C, HOLE, 0, (1 << 64) - 8]),
    st.integers(0, (1 << 64) - 1),
)
VICTIMS = [(way, level) for way in ("fast", "portable") for level in (1, 2, 3)]
STOPPED = (StopReason.POWER_OFF, StopReason.RESET, StopReason.HALTED)


@pytest.fixture(scope="module", params=VICTIMS, ids="{0[0]} at EL{0[1]}".format)
def victim(programs: Image, request: pytest.FixtureRequest) -> Iterator[GuestMachine]:
    engine, level = request.param
    built = GuestMachine(programs, engine, level=level)
    yield built
    built.close()


@settings(max_examples=100)
@given(
    code=st.lists(WORDS, min_size=1, max_size=64),
    vectors=st.lists(WORDS, max_size=64),
    registers=st.lists(ADDRESSES, min_size=29, max_size=29),
    vbar=st.sampled_from([VECTORS, VECTORS - 0x200, 0, (1 << 64) - 0x800, DEVICE]),
    mmu=st.booleans(),
    irq=st.booleans(),
)
def test_random_code_ends_in_a_stop_reason(
    count_fuzz: CountFuzz,
    victim: GuestMachine,
    code: list[int],
    vectors: list[int],
    registers: list[int],
    vbar: int,
    mmu: bool,
    irq: bool,
) -> None:
    cpu, clock = victim.cpu, victim.clock
    victim.dram.banks[0].bytes[:] = 0
    victim.dram.view(AREA, 0x1000).view("<u4")[: len(code)] = code
    victim.dram.view(VECTORS, 0x800).view("<u4")[: len(vectors)] = vectors
    cpu.set_irq(irq)
    cpu.reset(AREA, *registers)
    engine = cpu._core
    for level in BANKS.values():
        engine.write(level.vbar, vbar)
    if mmu:
        engine.write_system(TTBR0, victim.identity_map(executable=True))
        engine.write_system(MAIR, 0xFF)
        engine.write_system(TCR, 0x2_0080_3519)
        engine.write_system(SCTLR, MMU_ON)
    start = clock.now
    end = start + BUDGET
    for _ in range(BUDGET):
        before = clock.now
        reason = cpu.run(end)
        assert isinstance(reason, StopReason)
        assert before <= clock.now <= end + 1
        if reason in STOPPED or clock.now >= end:
            break
        if reason is StopReason.WFI:
            cpu.set_irq(not irq)
            clock.advance(clock.now + 100)
    else:
        pytest.fail(f"{struct.pack(f'<{len(code)}I', *code).hex()} stands still at {cpu.pc:#x}")
    count_fuzz("the CPU", words=len(code) + len(vectors))
