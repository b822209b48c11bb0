"""How long a frame of the LCDIF lasts, by its registers and its clock."""

from __future__ import annotations

import pytest

from soc.clock import SECOND
from tests.devices.lcdif_bench import (
    ACTIVE,
    CLOCK,
    DOTCLK_MODE,
    FRAME_LINES,
    LINE_CLOCKS,
    MASTER,
    PERIOD,
    PERIOD_IN_LINES,
    RUN,
    LcdifBench,
)
from tests.devices.slot_bench import Bench

CLOCKS = f"""\
slow: &slow {{compatible: fixed-clock, '#clock-cells': 0, clock-frequency: {CLOCK}}}
fast: &fast {{compatible: fixed-clock, '#clock-cells': 0, clock-frequency: {4 * CLOCK}}}
other: &other {{compatible: 'vendor,pll', '#clock-cells': 0}}
"""
LCDIF = "lcdif@9000000: {{compatible: fsl,imx6sx-lcdif, reg: [[0x9000000, 0x10000]]{}}}"
NOTHING_TO_FETCH = 1 << 8
"""CTRL.WORD_LENGTH of 8 bits, which has no pixels here."""


@pytest.mark.parametrize(
    ("unit", "period", "whole"),
    [
        (PERIOD_IN_LINES, FRAME_LINES, PERIOD),
        (0, FRAME_LINES * LINE_CLOCKS, PERIOD),
        (0, FRAME_LINES * LINE_CLOCKS + 1, PERIOD + SECOND // CLOCK),
        (0, FRAME_LINES, ACTIVE),
    ],
    ids=["lines", "clocks", "a clock more", "fewer clocks than the picture has"],
)
def test_the_period_is_counted_in_lines_or_in_pixel_clocks(unit: int, period: int, whole: int) -> None:
    bench = LcdifBench()
    bench.write("VDCTRL0", unit)
    bench.write("VDCTRL1", period)
    bench.start().run(2 * whole)
    assert [record.started for record in bench.records] == [0, whole]
    assert [record.ended - record.started for record in bench.records] == [ACTIVE, ACTIVE]


@pytest.mark.parametrize(
    ("properties", "rate"),
    [
        (", clocks: [*slow], clock-names: [pix]", CLOCK),
        (", clocks: [*slow, *fast], clock-names: [axi, pix]", 4 * CLOCK),
        (f", clocks: [*slow], clock-names: [pix], assigned-clock-rates: {8 * CLOCK}", CLOCK),
        (f", clocks: [*other], clock-names: [pix], assigned-clock-rates: {8 * CLOCK}", 8 * CLOCK),
        (f", assigned-clock-rates: {8 * CLOCK}", 8 * CLOCK),
        ("", 148_500_000),
    ],
    ids=["pix", "pix of two", "pix before assigned", "pix without a model", "assigned", "none"],
)
def test_the_pixel_clock_is_the_one_called_pix(properties: str, rate: int) -> None:
    bench = Bench(CLOCKS + LCDIF.format(properties))
    bench.write("CTRL", NOTHING_TO_FETCH)
    bench.write("VDCTRL1", 1_000_000)
    bench.write("CTRL", NOTHING_TO_FETCH | RUN | MASTER | DOTCLK_MODE)
    period = 1_000_000 * SECOND // rate
    bench.run(3 * period)
    assert [record.started for record in bench.model.frames.records[:2]] == [0, period]
