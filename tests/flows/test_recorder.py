"""The recorder and what is made of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EINVAL

import pytest

from soc.clock import Clock
from soc.flows.counts import Count
from soc.flows.flow import Act, Finding, Flow, Played
from soc.flows.steps import Change, Recorder, Step
from soc.flows.tables import as_markdown, as_text, listing
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelBug, KernelError
from soc.kernel.generation import Generation
from soc.memory.pages import BadFree


class Bench:
    """A recorder that watches one thing."""

    def __init__(self) -> None:
        self.kernel = KernelCore(Clock())
        self.holders: list[str] = []
        self.steps = Recorder(self.kernel)
        self.steps.watch(self.counts)

    def counts(self) -> Iterator[Count]:
        if self.holders:
            yield Count("thing", len(self.holders), tuple(self.holders))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def fails() -> None:
    raise KernelError(EINVAL, "no")


def test_a_step_tells_who_what_result_and_counts(bench: Bench) -> None:
    assert bench.steps.call("app", "get", lambda: bench.holders.append("app")) is None
    assert bench.steps.call("app", "look", lambda: 5) == 5
    bench.steps.call("app", "look", lambda: 5, hex)
    bench.steps.call("app", "put", bench.holders.clear)
    assert [
        (s.call, s.result, [(c.count.what, c.number, c.who) for c in s.counts]) for s in bench.steps.steps
    ] == [
        ("get", "", [("thing", "1", "app")]),
        ("look", "5", [("thing", "1", "")]),
        ("look", "0x5", [("thing", "1", "")]),
        ("put", "", [("thing", "0 (was 1)", "gone")]),
    ]


def test_a_reference_that_changes_hands_is_a_change(bench: Bench) -> None:
    bench.holders.append("exporter")
    bench.steps.call("app", "first", lambda: None)
    bench.holders[:] = ["fd 0"]
    bench.steps.call("app", "second", lambda: None)
    [change] = bench.steps.steps[1].counts
    assert (change.changed, change.number, change.who) == (True, "1", "fd 0")


def test_a_call_within_a_call_stands_below_it_and_has_the_counts(bench: Bench) -> None:
    def outer() -> int:
        bench.steps.call("driver", "inner", lambda: bench.holders.append("driver"))
        return 7

    bench.steps.call("app", "outer", outer)
    first, second = bench.steps.steps
    assert (first.call, first.depth, first.result, first.counts) == ("outer", 0, "7", ())
    assert (second.call, second.depth, second.counts[0].number) == ("inner", 1, "1")


def test_what_a_call_does_after_its_inner_calls_stands_with_it(bench: Bench) -> None:
    def outer() -> None:
        bench.steps.call("driver", "inner", lambda: bench.holders.append("driver"))
        bench.holders.append("app")

    bench.steps.call("app", "outer", outer)
    assert [change.number for change in bench.steps.steps[0].counts] == ["2 (was 1)"]


def test_complaints_stand_with_the_call_that_caused_them(bench: Bench) -> None:
    log = bench.kernel.log

    def outer() -> None:
        bench.steps.call("driver", "inner", lambda: log.warn("inner is wrong"))
        log.error("outer failed")
        log.info("nothing special")

    bench.steps.call("app", "outer", outer)
    assert [(step.call, step.complaints) for step in bench.steps.steps] == [
        ("outer", ("outer failed",)),
        ("inner", ("inner is wrong",)),
    ]


def test_a_call_that_fails_is_a_step(bench: Bench) -> None:
    with pytest.raises(KernelError):
        bench.steps.call("app", "tries", fails)
    assert bench.steps.attempt("app", "tries", fails) is None
    assert bench.steps.attempt("app", "succeeds", lambda: 1) == 1
    assert [step.result for step in bench.steps.steps] == ["-EINVAL: no", "-EINVAL: no", "1"]


def test_to_free_what_is_free_is_a_bug_in_the_log(bench: Bench) -> None:
    def free_again() -> None:
        raise BadFree(5, 0)

    bench.steps.attempt("app", "frees", free_again)
    [step] = bench.steps.steps
    [complaint] = step.complaints
    assert complaint == step.result
    assert complaint == str(KernelBug(str(BadFree(5, 0))))


# --- tables ----------------------------------------------------------------------------------


def example(*complaints: str, broke_off: str = "") -> tuple[Flow, Played]:
    finding = Finding("a mistake", "it is wrong")
    act = Act("act", "What it shows.", Generation.V4_9, lambda stage: None, (finding,))
    thing, before = Count("thing", 2, ("fd 1", "kernel x|y")), Count("thing", 1, ("fd 1",))
    step = Step("app", "call(a_b)", 0, "fd 1", (Change(thing, before), Change(before, before)), complaints)
    inner = Step("driver", "inner", 1, "", (Change(Count("thing", 0, ()), thing),), ())
    flow = Flow("name", "a title", "source.txt", "An introduction.", (act,))
    return flow, Played(act, (step, inner), complaints, broke_off)


def test_the_terminal_s_table() -> None:
    flow, played = example("it is wrong")
    assert as_text(flow, [played]).splitlines() == [
        "name: a title",
        "source: source.txt",
        "",
        "An introduction.",
        "",
        "--- act (Linux 4.9) ---",
        "What it shows.",
        "",
        "   1  app     call(a_b)  -> fd 1",
        "       thing  2 (was 1)  fd 1, kernel x|y",
        "       thing  1          =",
        "       ! it is wrong",
        "   2  driver    inner",
        "       thing  0 (was 2)  gone",
        "",
        "found: a mistake",
        "    it is wrong",
        "ends as it says",
    ]


@pytest.mark.parametrize(
    ("complaints", "broke_off", "verdict"),
    [
        ((), "", ["NOT FOUND: a mistake", "    it is wrong", "DOES NOT END AS IT SAYS"]),
        (
            ("it is wrong", "more"),
            "",
            ["found: a mistake", "    it is wrong", "UNEXPECTED: more", "DOES NOT END AS IT SAYS"],
        ),
        (
            ("it is wrong",),
            "-EINVAL: no",
            ["found: a mistake", "    it is wrong", "BROKE OFF: -EINVAL: no", "DOES NOT END AS IT SAYS"],
        ),
        (
            ("it is wrong", "it is wrong"),
            "",
            ["found: a mistake", "    it is wrong", "DOES NOT END AS IT SAYS"],
        ),
    ],
    ids=["missing", "unexpected", "broke off", "twice"],
)
def test_an_act_that_does_not_end_as_it_says(
    complaints: tuple[str, ...], broke_off: str, verdict: list[str]
) -> None:
    flow, played = example(*complaints, broke_off=broke_off)
    text = as_text(flow, [played]).splitlines()
    assert text[-len(verdict) :] == verdict


def test_the_page_s_table() -> None:
    flow, played = example("it is wrong")
    assert as_markdown(flow, [played]).splitlines() == [
        "## name",
        "",
        "A title. Source: source.txt.",
        "",
        "An introduction.",
        "",
        "### act",
        "",
        "Linux 4.9. What it shows.",
        "",
        "| | who | call | references after it |",
        "|---|---|---|---|",
        r"| 1 | app | call(a_b) → fd 1 | thing: **2 (was 1)**: fd 1, kernel x\|y<br>thing: 1<br>"
        "**!** it is wrong |",
        "| 2 | driver | · inner | thing: **0 (was 2)**: gone |",
        "",
        "Found, and nothing else:",
        "",
        "- a mistake: it is wrong",
    ]


def test_an_act_that_is_right_says_so() -> None:
    flow, played = example()
    right = Act("act", "What it shows.", Generation.V4_9, lambda stage: None)
    silent = Played(right, played.steps, ())
    assert as_text(flow, [silent]).splitlines()[-1] == "ends as it says: nothing is wrong and nothing is left"
    assert as_markdown(flow, [silent]).splitlines()[-1] == (
        "Nothing is complained of, and every count is back where it was."
    )


def test_the_list_has_a_line_for_each() -> None:
    flow, _ = example()
    assert listing([flow, flow]) == "name                     a title\n" * 2
