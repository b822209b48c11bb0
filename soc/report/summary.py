"""The last lines of `soc run` on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from soc.report.text import count_text, time_text, visible
from soc.report.verdict import headline, outcome
from soc.verify.result import RunResult

MOST_LINES = 8


def summary(result: RunResult) -> str:
    """The run in a few lines, verdict first, no newline at the end. Plain text without colour codes."""
    return visible("\n".join(_lines(result)))


def _lines(result: RunResult) -> Iterator[str]:
    yield f"{result.verdict.upper()}  {headline(result)}"
    yield (
        f"{outcome(result)}  {result.scenario} on {result.board}: "
        f"{count_text(result.produced, 'frame')} produced, {result.shown:,} shown, "
        f"{result.mismatched:,} mismatched in {time_text(result.virtual_ns)} of virtual time"
    )
    yield f"  bytes    {result.moved:,} moved, {result.minimum:,} is the minimum"
    yield from _some("reason", result.reasons)


def _some(label: str, items: list[str]) -> Iterator[str]:
    for item in items[:MOST_LINES]:
        yield f"  {label:8} {item}"
    if len(items) > MOST_LINES:
        yield f"  {label:8} and {len(items) - MOST_LINES:,} more in report.json"
