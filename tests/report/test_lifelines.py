from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.report.lifelines import CHART_WIDTH, LABEL_WIDTH, Block, LifeLines, life_lines
from soc.verify.result import Fault, RunResult, Span
from tests.report import results


def drawn(result: RunResult, frames: int = 24) -> LifeLines:
    life = life_lines(result, frames)
    assert life is not None
    return life


def with_timeline(*spans: Span) -> RunResult:
    return replace(results.proven(), timeline=list(spans))


def at(life: LifeLines, engine: str) -> list[Block]:
    return [block for block in life.blocks if life.engines[block.engine] == engine]


def test_no_timeline_no_drawing() -> None:
    assert life_lines(with_timeline()) is None


def test_a_long_run_shows_its_first_frames() -> None:
    life = drawn(results.proven())
    assert life.note == "Shown: the first 24 of 120 frames, counted at camera."
    assert [block.label for block in at(life, "camera")] == [str(n) for n in range(24)]
    assert [lane.title for lane in life.lanes] == list(results.BUFFERS)
    assert life.engines == ("camera", "lcdif")
    assert not life.faults


def test_a_short_run_is_shown_whole() -> None:
    life = drawn(replace(results.proven(), timeline=results.timeline(5)))
    assert life.note == "Shown: all 5 frames, counted at camera."
    assert len(at(life, "camera")) == len(at(life, "lcdif")) == 5


def test_one_frame() -> None:
    assert (
        drawn(with_timeline(Span("camera", 0, "b", 10, 20))).note
        == "Shown: the only frame, counted at camera."
    )


def test_a_late_fault_moves_the_window_to_it() -> None:
    life = drawn(results.unproven())
    assert life.note == "Shown: 24 of 120 frames, around the first fault at 1.018 s, counted at camera."
    broken = [block for block in life.blocks if block.fault]
    assert [(b.label, b.title) for b in broken] == [
        ("✕", "lcdif, frame 60, frame-0: 1.018 s to 1.024 s, cut short: unmapped")
    ]
    assert [mark.text for mark in life.faults] == ["F_TRANSLATION: lcdif read at IOVA 0x100400000, 1.024 s"]
    assert broken[0].x <= life.faults[0].x <= broken[0].x + broken[0].width + 0.01


def test_colours_and_lanes_are_those_of_the_whole_run() -> None:
    early, late = drawn(results.proven()), drawn(results.unproven())
    assert (early.engines, early.lanes) == (late.engines, late.lanes)


def test_engines_sharing_a_buffer_at_once_are_both_seen() -> None:
    life = drawn(with_timeline(Span("camera", 0, "b", 0, 100), Span("lcdif", 0, "b", 50, 150)))
    writer, reader = life.blocks
    assert writer.x < reader.x < writer.x + writer.width
    assert writer.y + life.row_height <= reader.y


def test_blocks_lie_where_their_time_is() -> None:
    life = drawn(with_timeline(Span("camera", 0, "b", 1000, 1250), Span("camera", 1, "b", 1500, 2000)))
    assert [(b.x, b.width) for b in life.blocks] == [
        (LABEL_WIDTH, CHART_WIDTH / 4),
        (LABEL_WIDTH + CHART_WIDTH / 2, CHART_WIDTH / 2),
    ]


def test_ticks_are_round_times() -> None:
    life = drawn(with_timeline(Span("camera", 0, "b", 3_000_000, 41_000_000)))
    assert [tick.text for tick in life.ticks] == [f"{n} ms" for n in range(5, 45, 5)]


def test_a_long_name_is_cut_and_kept_whole_in_its_title() -> None:
    lane = drawn(with_timeline(Span("camera", 0, "a" * 30, 0, 1))).lanes[0]
    assert (lane.name, lane.title) == ("a" * 19 + "…", "a" * 30)


SPANS = st.lists(
    st.builds(
        lambda engine, sequence, buffer, start, length, fault: Span(
            engine, sequence, buffer, start, start + length, fault
        ),
        st.sampled_from(["camera", "lcdif", "cpu"]),
        st.integers(0, 200),
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 10**10),
        st.integers(0, 10**8),
        st.sampled_from([None, None, "unmapped"]),
    ),
    min_size=1,
    max_size=60,
)


@given(SPANS, st.integers(0, 10**10), st.integers(1, 30))
def test_everything_lies_inside_the_drawing(spans: list[Span], fault_time: int, frames: int) -> None:
    fault = Fault("lcdif", 0, 0, "read", "F_TRANSLATION", fault_time, "nobody")
    life = drawn(replace(with_timeline(*spans), faults=[fault]), frames)
    assert life.blocks
    for block in life.blocks:
        assert block.x >= LABEL_WIDTH and block.x + block.width <= life.width
        assert life.chart_top <= block.y and block.y + life.row_height <= life.height
    assert all(LABEL_WIDTH <= mark.x <= LABEL_WIDTH + CHART_WIDTH for mark in (*life.ticks, *life.faults))
    assert len(life.ticks) <= 11


@pytest.mark.parametrize("frames", [1, 23, 24, 119])
def test_the_window_always_holds_the_frames_asked_for(frames: int) -> None:
    assert len(at(drawn(results.proven(), frames), "camera")) == frames
