"""How faulting transactions end: stalled until an answer, or as RAZ/WI. ARM IHI 0070, 3.12, 4.7, 5.5."""

from __future__ import annotations

import pytest

from soc.iommu.port import DmaAbort, DmaStalled
from tests.devices.smmuv3_bench import (
    ABORT,
    CFGI_STE,
    CLASS_INPUT,
    CLASS_TABLE,
    CMDQEN,
    CONTEXTS,
    CR0,
    DATA,
    EVENTQEN,
    NOWHERE,
    READ,
    RESUME,
    RETRY,
    S2_TABLES,
    STAGE2,
    STALL,
    STALL_TERM,
    STREAM,
    TABLES,
    Bench,
    context_descriptor,
    stage2_entry,
)

S = STREAM << 32
AT = 0x4567_8000
STALLING = context_descriptor(flip=1 << 44)
OVERFLOW = 1 << 31


@pytest.fixture
def bench():
    bench = Bench()
    yield bench.start().stage1(STALLING)
    bench.dram.banks[0].close()


def record(tag: int, iova: int = AT, access: int = READ, stream: int = STREAM) -> tuple[int, int, int, int]:
    return (0x10 | stream << 32, access | CLASS_INPUT | STALL | tag, iova, 0)


# --- events and answers ------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "answer", "discarded"),
    [(RETRY, True, False), (RETRY | ABORT, True, False), (ABORT, False, False), (0, False, True)],
    ids=["retry", "retry ignores abort", "terminate with abort", "terminate as RAZ/WI"],
)
def test_a_stall_waits_for_resume(bench, action, answer, discarded):
    stalled, answers = bench.stall(AT, write=True)
    assert bench.events() == [record(0, access=0)]
    assert answers == []
    assert [report.record.stall for report in bench.reports] == [True]
    bench.command(RESUME | action, 0, stream=STREAM)
    assert (answers, stalled.discarded) == ([answer], discarded)
    bench.command(RESUME | action, 0, stream=STREAM)
    assert answers == [answer], "the tag belongs to nobody any more"


def test_a_retry_that_finds_a_mapping_succeeds(bench):
    reached = []
    with pytest.raises(DmaStalled) as caught:
        bench.access(AT)
    caught.value.wait(lambda retry: reached.append(bench.access(AT)) if retry else None)
    bench.map(AT, DATA)
    bench.command(RESUME | RETRY, 0, stream=STREAM)
    assert reached == [[(DATA, 4)]]


def test_a_retry_that_fails_again_is_a_new_stall(bench):
    def retry(again: bool) -> None:
        bench.stall(AT)

    with pytest.raises(DmaStalled) as caught:
        bench.access(AT)
    caught.value.wait(retry)
    bench.command(RESUME | RETRY, 0, stream=STREAM)
    assert bench.events() == [record(0), record(0)]


def test_an_answer_that_comes_before_the_engine_waits_is_kept(bench):
    with pytest.raises(DmaStalled) as caught:
        bench.access(AT)
    bench.command(RESUME | RETRY, 0, stream=STREAM)
    answers: list[bool] = []
    caught.value.wait(answers.append)
    assert answers == [True]


@pytest.mark.parametrize(
    ("stream", "tag"), [(STREAM + 1, 0), (STREAM, 1), (STREAM, 0xFFFF)], ids=["stream", "tag", "no such tag"]
)
def test_resume_must_name_stream_and_tag(bench, stream, tag):
    _, answers = bench.stall(AT)
    bench.command(RESUME | RETRY, tag, stream=stream)
    assert answers == []


def test_tags_tell_transactions_apart_and_are_used_again(bench):
    first, second = bench.stall(AT)[1], bench.stall(AT + 0x1000)[1]
    assert bench.events() == [record(0), record(1, AT + 0x1000)]
    bench.command(RESUME | RETRY, 1, stream=STREAM)
    assert (first, second) == ([], [True])
    bench.stall(AT + 0x2000)
    assert bench.events() == [record(1, AT + 0x2000)]


def test_stall_term_aborts_every_stall_of_one_stream(bench):
    bench.stage1(STALLING, stream=6)
    mine = [bench.stall(AT + 0x1000 * page)[1] for page in range(3)]
    _, other = bench.stall(AT, stream=6)
    bench.command(STALL_TERM, stream=STREAM)
    assert (mine, other) == ([[False]] * 3, [])


def test_switching_translation_off_aborts_every_stall(bench):
    bench.stage1(STALLING, stream=6)
    answers = [bench.stall(AT)[1], bench.stall(AT, stream=6)[1]]
    bench.set(CR0, EVENTQEN | CMDQEN)
    assert answers == [[False], [False]]


# --- which faults stall ------------------------------------------------------


def test_a_stall_is_recorded_whatever_r_says(bench):
    bench.stage1(context_descriptor(flip=1 << 44 | 1 << 45), stream=6)
    bench.stall(AT, stream=6)
    assert bench.events() == [record(0, stream=6)]


def test_faults_of_configuration_and_fetches_never_stall(bench):
    bench.put(TABLES + 8, NOWHERE | 3)
    with pytest.raises(DmaAbort) as caught:
        bench.access(0x4000_0000)
    assert not isinstance(caught.value, DmaStalled)
    assert bench.events() == [(0x0B | S, READ | CLASS_TABLE, 0x4000_0000, NOWHERE)]


def test_stage_2_stalls_as_its_entry_says(bench):
    bench.stream(*stage2_entry(flip=1 << 57 | 1 << 58))
    _, answers = bench.stall(AT)
    assert bench.events() == [(0x10 | S, READ | CLASS_INPUT | STAGE2 | STALL, AT, AT)]
    bench.command(RESUME | RETRY, 0, stream=STREAM)
    assert answers == [True]


@pytest.mark.parametrize(("stage1", "stage2"), [(False, False), (False, True), (True, False), (True, True)])
def test_each_stage_decides_for_its_own_faults(bench, stage1, stage2):
    bench.nested(context_descriptor(flip=stage1 << 44), flip=stage2 << 57)
    for iova, stalls in ((AT, stage1), (0x1000, stage2)):
        bench.map(0x1000, 0x5000_0000)
        with pytest.raises(DmaAbort) as caught:
            bench.access(iova)
        assert isinstance(caught.value, DmaStalled) == stalls
        (event,) = bench.events()
        assert bool(event[1] & STALL) == stalls


def test_a_stalled_context_fetch_and_its_configuration_are_read_anew(bench):
    bench.nested(flip=1 << 57)
    at = bench.map(CONTEXTS, 0, 0, root=S2_TABLES)
    _, answers = bench.stall(AT)
    bench.put(at, CONTEXTS | 0x4C3 | 0xF << 2)
    bench.command(RESUME | RETRY, 0, stream=STREAM)
    assert answers == [True]
    bench.map(AT, 0x5000_0000)
    bench.map(0x5000_0000, DATA, 0x4FF, root=S2_TABLES)
    assert bench.access(AT) == [(DATA, 4)]


def test_the_way_the_specification_shuts_a_stream_down(bench):
    _, answers = bench.stall(AT)
    bench.stream(1)
    bench.command(CFGI_STE, 1, stream=STREAM)
    bench.command(STALL_TERM, stream=STREAM)
    assert answers == [False]
    bench.events()
    with pytest.raises(DmaAbort) as caught:
        bench.access(AT)
    assert not isinstance(caught.value, DmaStalled)
    assert bench.events() == []


# --- RAZ/WI ---------------------------------------------------------------------


def test_a_context_may_have_faults_end_as_if_they_had_succeeded(bench):
    """CD.A = 0: reads as zero, writes ignored; the event is recorded all the same, if CD.R asks for it."""
    for flip, events in ((1 << 46, 1), (1 << 46 | 1 << 45, 0)):
        bench.stage1(context_descriptor(flip=flip), stream=6 + events)
        port = bench.port(stream=6 + events)
        span, data = port.read(AT, 8)
        assert (span.frames.tolist(), data.tolist()) == ([], [0] * 8)
        assert port.write(AT, data).frames.tolist() == []
        assert len(bench.events()) == 2 * events


def test_other_faults_of_such_a_context_abort(bench):
    bench.stage1(context_descriptor(flip=1 << 46))
    bench.put(TABLES + 8, NOWHERE | 3)
    with pytest.raises(DmaAbort):
        bench.port().read(0x4000_0000, 8)
    assert len(bench.events()) == 1
