from __future__ import annotations

from dataclasses import replace

import pytest

from soc.report.html import render_html
from soc.verify.result import Check, Copy, Fault, RunResult, Span
from tests.report import results
from tests.report.page import Page

HOSTILE = "</pre></title><script>alert('x')</script><img src=x onerror=\"y\">&amp;{{ 7 * 7 }}"
ALL = [results.proven(), results.copied(), results.unproven()]


def page(result: RunResult, pictures: tuple[str, ...] = ("first", "last")) -> Page:
    return Page(render_html(result, pictures))


def saying(text: str) -> RunResult:
    """A result in which every text is `text`."""
    return RunResult(
        scenario=text,
        board=text,
        description=text,
        width=1,
        height=1,
        format=text,
        verdict="copied",
        checks=[Check(text, False, text)],
        copies=[Copy(text, 1, text, text)],
        moved_by={text: (1, 2)},
        faults=[Fault(text, 1, 2, text, text, 3, text)],
        leaked=[text],
        warnings=[text],
        reasons=[text],
        timeline=[Span(text, 0, text, 0, 10, text)],
        kernel_log=[text],
        uart=text,
    )


@pytest.mark.parametrize("result", ALL, ids=lambda result: result.verdict)
def test_self_contained(result: RunResult) -> None:
    parsed = page(result)
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    assert parsed.values("img", "src") == ["first.png", "last.png"]
    source = render_html(result, [])
    assert not [needle for needle in ("http:", "https:", "//", "@import", "url(h") if needle in source]


@pytest.mark.parametrize(
    ("result", "verdict", "badge"),
    [
        (results.proven(), "PROVEN Zero-copy is proven: nothing copied a buffer on the way.", "PASS"),
        (
            results.copied(),
            "COPIED Not zero-copy: cpu at copy_frame+0x1c (0x80001234) moved 949.2 MiB "
            "that the pipeline did not need.",
            "FAIL Why it failed zero-copy was expected,",
        ),
        (
            results.unproven(),
            "UNPROVEN Zero-copy is not proven; what did not hold: shown equals produced.",
            "FAIL Why it failed 1 IOMMU fault 60 of 120 frames shown",
        ),
    ],
)
def test_verdict_comes_first(result: RunResult, verdict: str, badge: str) -> None:
    title = f"{result.verdict.upper()} · {result.scenario}"
    assert page(result).words.startswith(f"{title} Zero-copy {verdict} {badge}")


def test_hostile_text_stays_text() -> None:
    harmless = "x" * len(HOSTILE)
    parsed, honest = page(saying(HOSTILE)), page(saying(harmless))
    assert parsed.tags == honest.tags
    assert "onerror" not in {name for _, name, _ in parsed.attributes}
    assert parsed.text.count(HOSTILE) == honest.text.count(harmless) >= 20


def test_control_characters_are_visible() -> None:
    text = page(replace(results.proven(), uart="\x1b[2Jboot\x00\r\n", kernel_log=["\udc80"])).text
    assert "␛[2Jboot␀\n" in text
    assert "\\udc80" in text


def test_checks_say_what_held() -> None:
    words = page(results.copied()).words
    assert "✓ same pages held same pages: seen in every one of 120 frames" in words
    assert "✕ CPU did not touch did not hold the CPU read frame-0 and wrote shadow-0, 120 times" in words


def test_copies_by_the_same_code_are_one_row() -> None:
    words = page(results.copied()).words
    row = "cpu at copy_frame+0x1c (0x80001234) 0x80001234 995,328,000 120 frame-0 shadow-0"
    assert f"By Program counter Bytes Times From To {row}" in words


def test_bytes_against_the_minimum() -> None:
    words = page(results.copied()).words
    assert "cpu 995,328,000 995,328,000 1,990,656,000" in words
    assert "Moved 3,981,312,000 Minimum the pipeline needs 1,990,656,000 Difference +1,990,656,000" in words
    assert "Difference 0" in page(results.proven()).words
    assert "Difference −491,443,200" in page(results.unproven()).words


def test_faults_leaks_and_warnings() -> None:
    words = page(results.unproven()).words
    owner = "frame-0, attached by lcdif, unmapped 0.120 ms before"
    assert f"1.024 s lcdif 0x10 0x100400000 read F_TRANSLATION {owner}" in words
    assert "Still held when the run ended: frame-0: 1 reference held by fd 7 of process 1" in words
    assert "Warnings 1 line WARNING: lcdif: unmapped while scanning out" in words


def test_a_flood_of_faults_is_cut() -> None:
    result = results.unproven()
    parsed = page(replace(result, faults=result.faults * 1053))
    assert parsed.words.count("0x100400000 read F_TRANSLATION") == 50
    assert "1,003 more faults in report.json." in parsed.words


def test_a_run_that_did_nothing() -> None:
    result = RunResult("s", "b", "", 0, 0, "", "unproven", reasons=["the board did not start"])
    words = page(result, ()).words
    for sentence in (
        "Zero-copy is not proven: the run did not get far enough to tell.",
        "No condition was examined.",
        "No master moved a byte of a buffer.",
        "No copy was seen.",
        "No access was refused.",
        "Every reference was given back.",
        "The kernel said nothing.",
        "Nothing was printed on the UART.",
        "the clock did not move",
    ):
        assert sentence in words
    assert not {"img", "svg"} & set(page(result, ()).tags)
