"""The last lines of `soc run` on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from soc.report.text import count_text, time_text, visible
from soc.report.verdict import headline, merged_copies, outcome
from soc.verify.result import RunResult

MOST_LINES = 5


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
    yield from _some("check", [f"{c.name}: {c.detail}" for c in result.checks if not c.held])
    yield from _some(
        "copy",
        [
            f"{count_text(copy.bytes, 'byte')} by {copy.by} from {copy.source} to {copy.target}"
            for copy, _ in merged_copies(result.copies)
        ],
    )
    yield from _some(
        "fault",
        [
            f"{f.reason}: {f.device} (stream {f.stream:#x}) {f.access} at IOVA {f.iova:#x}, "
            f"last owner {f.last_owner}"
            for f in result.faults
        ],
    )
    yield from _some("leaked", result.leaked)
    yield from _some("warning", result.warnings)


def _some(label: str, items: list[str]) -> Iterator[str]:
    for item in items[:MOST_LINES]:
        yield f"  {label:8} {item}"
    if len(items) > MOST_LINES:
        yield f"  {label:8} and {len(items) - MOST_LINES:,} more in report.json"
