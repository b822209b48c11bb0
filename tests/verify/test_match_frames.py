"""Pairing fetched frames with produced frames by content, time and place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soc.frames import STOPPED, FrameRecord
from soc.verify.proof import match_frames
from tests.verify.crafted import PERIOD, fetched, produced, record


def numbers(pairs: list[tuple[FrameRecord, FrameRecord]]) -> list[tuple[int, int]]:
    return [(source.sequence, sink.sequence) for source, sink in pairs]


def test_each_fetch_is_paired_with_the_frame_of_its_content() -> None:
    matched = match_frames(produced("a", "b", "c"), fetched("a", "b", "c"))
    assert (numbers(matched.pairs), matched.mismatched) == ([(0, 0), (1, 1), (2, 2)], [])


def test_repeats_are_paired_once() -> None:
    matched = match_frames(produced("a", "b"), fetched("a", "a", "b", "b", "b"))
    assert (numbers(matched.pairs), matched.mismatched) == ([(0, 0), (1, 2)], [])


def test_skipped_frames_are_not_mismatches() -> None:
    matched = match_frames(produced("a", "b", "c"), fetched("a", "c"))
    assert (numbers(matched.pairs), matched.mismatched) == ([(0, 0), (2, 1)], [])


def test_why_a_fetch_is_mismatched() -> None:
    sink = [*fetched("b", "a", "x"), record("display", 3, None, fault="F_ACCESS")]
    matched = match_frames(produced("a", "b"), sink)
    assert [(fetch.sequence, why) for fetch, why in matched.mismatched] == [
        (1, "it shows frame 0 after frame 1"),
        (2, "its content was produced by nobody"),
        (3, "F_ACCESS"),
    ]


def test_a_fetch_that_software_stopped_is_no_mismatch() -> None:
    sink = [*fetched("a"), record("display", 1, None, fault=STOPPED)]
    matched = match_frames(produced("a"), sink)
    assert (numbers(matched.pairs), matched.mismatched) == ([(0, 0)], [])


def test_a_partial_frame_is_nobodys_source() -> None:
    matched = match_frames([record("camera", 0, None, fault="reset")], [record("display", 0, None)])
    assert [why for _, why in matched.mismatched] == ["its content was produced by nobody"]


def test_a_still_scene_is_told_apart_by_its_buffers() -> None:
    matched = match_frames(produced(*["same"] * 7), fetched(*["same"] * 7))
    assert (numbers(matched.pairs), matched.mismatched) == ([(n, n) for n in range(7)], [])


def test_a_still_scene_shown_twice_a_frame() -> None:
    source = [record("camera", n, "same", n % 3) for n in range(4)]
    sink = [
        record("display", n, "same", n // 2 % 3, ended=(n // 2 + 1) * PERIOD + 600 + n % 2 * 400)
        for n in range(8)
    ]
    matched = match_frames(source, sink)
    assert (numbers(matched.pairs), matched.mismatched) == ([(n, 2 * n) for n in range(4)], [])


def test_a_still_scene_of_which_a_frame_was_skipped() -> None:
    source = [record("camera", n, "same", n % 3) for n in range(4)]
    sink = [record("display", n, "same", buffer, ended=5 * PERIOD) for n, buffer in enumerate((1, 0))]
    assert numbers(match_frames(source, sink).pairs) == [(1, 0), (3, 1)]


def test_a_copy_of_a_still_scene_is_paired_with_the_newest_frame() -> None:
    source = [record("camera", n, "same", n) for n in range(3)]
    sink = [record("display", 0, "same", 9, ended=PERIOD + PERIOD // 2)]
    assert numbers(match_frames(source, sink).pairs) == [(1, 0)]
    early = [record("display", 0, "same", 9, ended=1)]
    assert numbers(match_frames(source, early).pairs) == [(0, 0)]


CONTENTS = st.lists(st.sampled_from([None, "a", "b", "c", "d"]), max_size=12)


@given(CONTENTS, CONTENTS)
def test_pairs_are_in_order_and_every_fetch_is_accounted_for(
    source: list[str | None], sink: list[str | None]
) -> None:
    made, seen = produced(*source), fetched(*sink, fault="cut")
    matched = match_frames(made, seen)
    pairs = numbers(matched.pairs)
    assert pairs == sorted(set(pairs))
    assert len({first for first, _ in pairs}) == len({second for _, second in pairs}) == len(pairs)
    assert all(source[first] == sink[second] is not None for first, second in pairs)
    wrong = [fetch.sequence for fetch, _ in matched.mismatched]
    repeats = [fetch.sequence for fetch in seen if fetch.sequence not in {*wrong, *(s for _, s in pairs)}]
    shown = {source[first] for first, _ in pairs}
    assert all(sink[sequence] in shown for sequence in repeats)
    absent = [n for n, content in enumerate(sink) if content is None or content not in source]
    assert set(absent) <= set(wrong)


@given(st.lists(st.integers(0, 1000), unique=True, max_size=12), st.data())
def test_a_pipeline_that_repeats_but_never_skips_matches_whole(
    contents: list[int], data: st.DataObject
) -> None:
    names = [str(content) for content in contents]
    repeated = [name for name in names for _ in range(data.draw(st.integers(1, 3)))]
    matched = match_frames(produced(*names), fetched(*repeated))
    assert [source.sequence for source, _ in matched.pairs] == list(range(len(names)))
    assert matched.mismatched == []
