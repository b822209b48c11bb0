"""How the LCDIF starts, stops and is reset: RUN, MASTER, DOTCLK_MODE and SFTRST."""

from __future__ import annotations

import pytest

from devices.lcdif.regs import TABLE
from tests.devices.lcdif_bench import (
    ACTIVE,
    BAND,
    CLKGATE,
    DONE,
    DOTCLK_MODE,
    ENABLE_ALL,
    FIRST,
    MASTER,
    PERIOD,
    RUN,
    SCANNING,
    SECOND_BUFFER,
    SFTRST,
    SIZE,
    VSYNC,
    LcdifBench,
)


def test_clearing_run_stops_in_mid_frame() -> None:
    bench = LcdifBench().start()
    bench.run(3 * BAND)
    bench.write("CTRL_CLR", RUN)
    bench.run(3 * PERIOD)
    assert [(record.fault, record.size, record.ended) for record in bench.records] == [
        ("stopped", 3 * SIZE // 8, 3 * BAND)
    ]
    assert bench.events == VSYNC
    bench.write("CTRL_SET", RUN)
    bench.run(ACTIVE)
    assert (bench.records[1].started, bench.records[1].complete) == (3 * BAND + 3 * PERIOD, True)


@pytest.mark.parametrize("missing", [RUN, MASTER, DOTCLK_MODE])
def test_nothing_is_scanned_before_all_three_bits_are_set(missing: int) -> None:
    bench = LcdifBench()
    bench.write("CUR_BUF", FIRST)
    bench.write("CTRL_SET", SCANNING & ~missing)
    bench.run(2 * PERIOD)
    assert (bench.events, bench.moved) == (0, (0, 0))
    bench.write("CTRL_SET", missing)
    bench.run(ACTIVE)
    assert (bench.records[0].started, bench.records[0].complete) == (2 * PERIOD, True)


def test_clearing_dotclk_mode_ends_with_the_frame_in_flight() -> None:
    bench = LcdifBench().start(FIRST, SECOND_BUFFER)
    bench.run(3 * BAND)
    bench.write("CTRL_CLR", DOTCLK_MODE)
    bench.run(5 * BAND - 1)
    assert bench.read("CTRL") & SCANNING == RUN | MASTER
    bench.run(1)
    assert bench.read("CTRL") & SCANNING == MASTER
    assert (bench.events, bench.read("CUR_BUF")) == (VSYNC | DONE, SECOND_BUFFER)
    bench.run(3 * PERIOD)
    assert [(record.complete, record.ended) for record in bench.records] == [(True, ACTIVE)]
    bench.write("CTRL_SET", RUN | DOTCLK_MODE)
    bench.run(ACTIVE)
    assert bench.records[1].iova == SECOND_BUFFER


def test_dotclk_mode_set_again_before_the_frame_ends_changes_nothing() -> None:
    bench = LcdifBench().start()
    bench.run(BAND)
    bench.write("CTRL_CLR", DOTCLK_MODE)
    bench.run(BAND)
    bench.write("CTRL_SET", DOTCLK_MODE)
    bench.run(PERIOD + ACTIVE)
    assert [record.started for record in bench.records] == [0, PERIOD]


def test_clearing_dotclk_mode_in_the_blanking_drops_run_at_once() -> None:
    bench = LcdifBench().start()
    bench.run(ACTIVE + 1)
    bench.write("CTRL_CLR", DOTCLK_MODE)
    assert bench.read("CTRL") & SCANNING == MASTER
    bench.run(3 * PERIOD)
    assert [record.complete for record in bench.records] == [True]


def test_stopping_in_the_blanking_leaves_whole_frames_only() -> None:
    bench = LcdifBench().start()
    bench.run(ACTIVE + 1)
    bench.write("CTRL_CLR", RUN)
    bench.run(3 * PERIOD)
    assert [record.complete for record in bench.records] == [True]


def test_soft_reset_stops_the_frame_and_gates_the_clock() -> None:
    bench = LcdifBench().start()
    bench.run(BAND)
    bench.write("CTRL_SET", SFTRST)
    bench.run(PERIOD)
    assert [record.fault for record in bench.records] == ["stopped"]
    for bits in (SFTRST, 0):
        bench.write("CTRL_CLR", SFTRST & ~bits)
        bench.write("CTRL_SET", SCANNING)
        bench.run(PERIOD)
        assert bench.read("CTRL") & CLKGATE
        assert len(bench.records) == 1
    bench.set_mode()
    bench.start().run(PERIOD - 1)
    assert bench.records[1].complete


def test_soft_reset_gives_every_register_its_default_but_the_panels_reset() -> None:
    bench = LcdifBench()
    bench.write("CTRL1_SET", ENABLE_ALL | 1)
    bench.start().run(0)
    assert bench.raised == [True]
    for register in TABLE.registers:
        if register.access == "rw" and register.name not in ("CTRL", "CTRL1"):
            bench.write(register.name, 0x0012_3456)
    bench.write("CTRL_SET", SFTRST)
    assert bench.raised == [True, False]
    expected = {row.name: row.reset for row in TABLE.registers if row.access != "wo"} | {"CTRL1": 0xF_0001}
    assert {name: bench.read(name) for name in expected} == expected


def test_setting_run_twice_does_not_scan_twice() -> None:
    bench = LcdifBench().start()
    bench.write("CTRL_SET", RUN)
    bench.run(PERIOD - 1)
    assert (bench.moved, len(bench.records)) == ((SIZE, 0), 1)
