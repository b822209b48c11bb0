from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.report.text import count_text, size_text, time_text, visible


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (995_328_000, "949.2 MiB"), (1 << 30, "1.0 GiB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("time", "text"),
    [(0, "0 ns"), (999, "999 ns"), (1200, "1.200 us"), (16_683_333, "16.683 ms"), (2 * 10**9, "2.000 s")],
)
def test_times(time: int, text: str) -> None:
    assert time_text(time) == text


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(1, "frame", "1 frame"), (0, "frame", "0 frames"), (1200, "copy", "1,200 copies")],
)
def test_counts(count: int, noun: str, text: str) -> None:
    assert count_text(count, noun) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nof two lines", "plain\ttext\nof two lines"),
        ("dos\r\n", "dos\n"),
        ("bare\rreturn", "bare␍return"),
        ("\x1b[31mred", "␛[31mred"),
        ("nul\x00", "nul␀"),
        ("\x7f\x9b", "\\u007f\\u009b"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\udcff", "\\udcff"),
    ],
)
def test_controls_become_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_visible_text_can_be_written_and_obeys_nothing(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not {c for c in shown if (ord(c) < 0x20 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0}
    assert visible(shown) == shown
