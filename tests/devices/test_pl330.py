"""The DMA-330: registers, loads and stores, loops, and the time they take."""

from __future__ import annotations

import numpy as np
import pytest

from devices.pl330 import assembler as asm
from devices.pl330.assembler import Program
from devices.pl330.hardware import Pl330, Straps
from devices.pl330.isa import Address, Instruction, Op
from devices.pl330.regs import State
from soc.address import PhysAddr
from tests.devices.engine_bench import BASE, DRAM, FILL
from tests.devices.pl330_bench import (
    CODE,
    CYCLE,
    SOURCE,
    TARGET,
    Pl330Bench,
    control,
    copy_loop,
    setup,
)


@pytest.fixture
def bench() -> Pl330Bench:
    return Pl330Bench()


# --- registers -----------------------------------------------------------------


def test_reset_values(bench: Pl330Bench) -> None:
    zero = ["DPC", "INTEN", "INT_EVENT_RIS", "INTMIS", "INTCLR", "FSRD", "FSRC", "FTRD", "FTR"]
    zero += ["CSR0", "CPC7", "SAR0", "DAR7", "LC0_0", "LC1_7", "DBGSTATUS", "CR2", "WD"]
    assert {name: bench.read(name) for name in zero} == dict.fromkeys(zero, 0)
    # 32 events, 32 peripherals, 8 channels, non-secure; 16 lines of 32 bytes; 64 bits, 128 lines
    expected = {"CR0": 0x3FF075, "CR1": 0xF5, "CRD": 0x07FF7F73, "DSR": 0x200, "CCR0": 0x00800200}
    expected |= {"CR3": 0xFFFFFFFF, "CR4": 0xFFFFFFFF}
    assert {name: bench.read(name) for name in expected} == expected


def test_amba_finds_the_part(bench: Pl330Bench) -> None:
    def word(base: int) -> int:
        return sum(bench.cpu.read(PhysAddr(BASE + base + 4 * n), 4) << 8 * n for n in range(4))

    assert word(0xFE0) & 0x000FFFFF == 0x00041330
    assert word(0xFF0) == 0xB105F00D


def test_where_the_registers_are(bench: Pl330Bench) -> None:
    places = {"CSR3": 0x118, "CPC3": 0x11C, "SAR5": 0x4A0, "DAR5": 0x4A4, "CCR5": 0x4A8, "LC1_5": 0x4B0}
    places |= {"INTEN": 0x20, "FSRC": 0x34, "FTR": 0x40, "DBGCMD": 0xD04, "CR0": 0xE00, "WD": 0xE80}
    assert {name: bench.table.offset(name) for name in places} == places


def test_straps_show_in_the_configuration_registers() -> None:
    class Strapped(Pl330):
        straps = Straps(True, CODE, False, 0xF0, 0x0F)

    bench = Pl330Bench(Strapped)
    names = ("CR0", "CR2", "CR3", "CR4")
    assert [bench.read(name) for name in names] == [0x3FF073, CODE, 0xF0, 0x0F]


# --- moving --------------------------------------------------------------------


def test_one_burst(bench: Pl330Bench) -> None:
    data = bench.randomise()
    bench.start(*setup(SOURCE, TARGET, control(4, 16)), asm.LOAD, asm.STORE, asm.END)
    bench.settle()
    assert np.array_equal(bench.memory(TARGET, 64), data[:64])
    assert bench.memory(TARGET + 64, 64).tolist() == [FILL] * 64
    assert bench.registers() == (SOURCE + 64, TARGET + 64)
    assert bench.read("CCR0") == control(4, 16)
    assert (bench.state(), bench.fault(), bench.log) == (State.STOPPED, 0, [])


def test_every_size_and_length(bench: Pl330Bench) -> None:
    data = bench.randomise()
    for size in (1, 2, 4, 8):
        for beats in range(1, 17):
            bench.memory(TARGET, 256)[:] = FILL
            bench.start(*setup(SOURCE, TARGET, control(size, beats)), asm.LOAD, asm.STORE, asm.END)
            bench.settle()
            moved = size * beats
            assert np.array_equal(bench.memory(TARGET, moved), data[:moved])
            assert bench.memory(TARGET + moved, 8).tolist() == [FILL] * 8


def test_loads_and_stores_of_other_shapes(bench: Pl330Bench) -> None:
    data = bench.randomise()
    ccr = control(8, 4, to_size=2, to_beats=8)
    bench.start(*setup(SOURCE, TARGET, ccr), asm.LOAD, asm.STORE, asm.STORE, asm.END)
    bench.settle()
    assert np.array_equal(bench.memory(TARGET, 32), data[:32])
    assert bench.registers() == (SOURCE + 32, TARGET + 32)


def test_an_unaligned_burst_is_short_and_ends_aligned(bench: Pl330Bench) -> None:
    data = bench.randomise()
    bench.start(
        *setup(SOURCE + 5, TARGET, control(8, 4, to_size=1, to_beats=3)), asm.LOAD, asm.STORE, asm.NOP
    )
    bench.run(200)
    assert bench.registers() == (SOURCE + 32, TARGET + 3)
    assert bench.engine.channels[0].data.held == 27 - 3
    assert np.array_equal(bench.memory(TARGET, 3), data[5:8])


def test_fixed_addresses(bench: Pl330Bench) -> None:
    data = bench.randomise()
    ccr = control(4, 3, source_inc=False)
    bench.start(*setup(SOURCE, TARGET, ccr), asm.LOAD, asm.STORE, asm.END)
    bench.settle()
    assert np.array_equal(bench.memory(TARGET, 12), np.tile(data[:4], 3))
    ccr = control(4, 3, target_inc=False)
    bench.start(*setup(SOURCE, TARGET, ccr), asm.LOAD, asm.STORE, asm.END)
    bench.settle()
    assert np.array_equal(bench.memory(TARGET, 4), data[8:12])
    assert bench.registers() == (SOURCE + 12, TARGET)


def test_a_fixed_unaligned_burst_uses_the_same_lanes_in_each_beat(bench: Pl330Bench) -> None:
    data = bench.randomise()
    ccr = control(4, 2, source_inc=False, to_size=1, to_beats=6)
    bench.start(*setup(SOURCE + 1, TARGET, ccr), asm.LOAD, asm.STORE, asm.END)
    bench.settle()
    assert np.array_equal(bench.memory(TARGET, 6), np.tile(data[1:4], 2))


@pytest.mark.parametrize("swap", [2, 4, 8, 16])
def test_endian_swap(bench: Pl330Bench, swap: int) -> None:
    data = bench.randomise()
    bench.start(*setup(SOURCE, TARGET, control(8, 4, swap=swap)), asm.LOAD, asm.STORE, asm.END)
    bench.settle()
    assert np.array_equal(bench.memory(TARGET, 32), data[:32].reshape(-1, swap)[:, ::-1].reshape(-1))


def test_a_burst_over_a_page_boundary_is_two_transactions(bench: Pl330Bench) -> None:
    data = bench.randomise()
    bench.start(*setup(SOURCE + 4096 - 40, TARGET + 4096 - 8, control()), asm.LOAD, asm.STORE, asm.END)
    bench.settle()
    assert np.array_equal(bench.memory(TARGET + 4096 - 8, 128), data[4096 - 40 : 4096 + 88])


def test_store_zeros_leaves_the_mfifo_alone(bench: Pl330Bench) -> None:
    data = bench.randomise()
    bench.start(*setup(SOURCE, TARGET, control()), asm.LOAD, asm.STORE_ZEROS, asm.STORE, asm.END)
    bench.settle()
    assert not bench.memory(TARGET, 128).any()
    assert np.array_equal(bench.memory(TARGET + 128, 128), data[:128])


def test_addresses_wrap_at_4_gib_and_half_words_add(bench: Pl330Bench) -> None:
    add = asm.add_halfword
    bench.start(
        *setup(0xFFFF_FFFF, 5, control()),
        add(Address.SAR, 0x11),
        add(Address.DAR, -6),
        add(Address.DAR, -0x10000),
        add(Address.DAR, 0xFFFF),
        asm.END,
    )
    bench.settle()
    assert bench.registers() == (0x10, 0xFFFF_FFFE)


def test_two_dimensions_by_nested_loops(bench: Pl330Bench) -> None:
    """A 96x8 window of lines 256 bytes apart, cut out of one picture and put into another."""
    data = bench.randomise()
    program = Program()
    program.add(*setup(SOURCE + 32, TARGET, control(8, 4)))
    with program.loop(0, 8):
        with program.loop(1, 3):
            program.add(asm.LOAD, asm.STORE)
        program.add(asm.add_halfword(Address.SAR, 256 - 96))
    program.add(asm.END)
    bench.start(program.code)
    bench.settle()
    window = data[: 256 * 8].reshape(8, 256)[:, 32:128]
    assert np.array_equal(bench.memory(TARGET, 96 * 8).reshape(8, 96), window)
    assert bench.registers() == (SOURCE + 32 + 8 * 256, TARGET + 8 * 96)


def test_the_loop_counter_shows_the_iterations_to_come(bench: Pl330Bench) -> None:
    program = Program()
    with program.loop(0, 3), program.loop(1, 200):
        program.add(asm.NOP)
    program.add(asm.wfe(0), asm.END)
    bench.start(Instruction(Op.LP, 1, 7), Instruction(Op.LP, 0, 256), asm.wfe(0))
    bench.run(100)
    assert (bench.read("LC0_0"), bench.read("LC1_0")) == (255, 6)
    bench.start(program.code, channel=1)
    bench.settle()
    assert (bench.read("LC0_1"), bench.read("LC1_1")) == (0, 0)


def test_a_register_block_is_reached_beat_by_beat(bench: Pl330Bench) -> None:
    """The DMAC copies its own identification, and writes its own INTEN."""
    ccr = control(4, 4)
    bench.start(*setup(BASE + 0xFF0, TARGET, ccr), asm.LOAD, asm.STORE, asm.END)
    bench.settle()
    assert bench.memory(TARGET, 16).view("<u4").tolist() == [0x0D, 0xF0, 0x05, 0xB1]
    bench.fill(SOURCE, (0xA5).to_bytes(4, "little"))
    bench.start(*setup(SOURCE, BASE + 0x20, control(4, 1)), asm.LOAD, asm.STORE, asm.END)
    bench.settle()
    assert bench.read("INTEN") == 0xA5


# --- time ----------------------------------------------------------------------


def test_a_program_takes_a_cycle_for_each_instruction_and_each_beat(bench: Pl330Bench) -> None:
    bench.write("INTEN", 1)
    program = (*setup(SOURCE, TARGET, control()), copy_loop(512), asm.sev(0), asm.END)
    bench.start(*program)
    # DMAGO, three moves, outer DMALP, then twice: inner DMALP, 256 times (17 + 17 + 1), outer DMALPEND
    cycles = 1 + 3 + 1 + 2 * (1 + 256 * (17 + 17 + 1) + 1)
    bench.run(cycles * CYCLE - 1)
    assert (bench.raised, bench.state()) == ([], State.EXECUTING)
    bench.run(1)
    assert bench.raised == [True]
    bench.run(CYCLE)
    assert bench.state() is State.COMPLETING
    bench.run(16 * CYCLE)
    assert bench.state() is State.STOPPED


def test_a_long_copy_moves_in_pieces(bench: Pl330Bench) -> None:
    bench.randomise(SOURCE, 0x6_0000)
    bench.start(*setup(SOURCE, DRAM + 0x6_0000, control()), copy_loop(3072), asm.END)
    bench.run(2 * CYCLE)
    seen = []
    while bench.state() is State.EXECUTING:
        seen.append(bench.registers()[0])
        bench.run(100_000)
    assert seen == sorted(seen)
    assert SOURCE < seen[0] < seen[-1] == SOURCE + 0x6_0000
    assert np.array_equal(bench.memory(SOURCE, 0x6_0000), bench.memory(DRAM + 0x6_0000, 0x6_0000))


@pytest.mark.parametrize("body", [(asm.NOP,), (asm.STORE_ZEROS,), (asm.LOAD, asm.STORE)], ids=str)
def test_an_endless_loop_lets_time_pass_and_can_be_killed(
    bench: Pl330Bench, body: tuple[Instruction, ...]
) -> None:
    program = Program()
    program.add(*setup(SOURCE, TARGET, control(1, 1, source_inc=False, target_inc=False)))
    with program.forever():
        program.add(*body)
    bench.start(program.code)
    bench.run(20_000)
    assert bench.state() is State.EXECUTING
    bench.kill(0)
    assert bench.state() is State.KILLING
    bench.run(16 * CYCLE)
    assert bench.state() is State.STOPPED
    assert bench.clock.next_event() is None
