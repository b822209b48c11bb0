"""The verdict in words, the same on the terminal and in the page."""

from __future__ import annotations

from soc.report.text import size_text
from soc.verify.result import Copy, RunResult


def headline(result: RunResult) -> str:
    """One sentence: what the verdict means in this run."""
    if result.verdict == "proven":
        return "Zero-copy is proven: nothing copied a buffer on the way."
    if result.verdict == "copied":
        culprits = ", ".join(dict.fromkeys(copy.by for copy in result.copies)) or "somebody"
        total = sum(copy.bytes for copy in result.copies)
        return f"Not zero-copy: {culprits} moved {size_text(total)} that the pipeline did not need."
    missing = [check.name for check in result.checks if not check.held]
    if missing:
        return f"Zero-copy is not proven; what did not hold: {', '.join(missing)}."
    return "Zero-copy is not proven: the run did not get far enough to tell."


def outcome(result: RunResult) -> str:
    """`PASS` or `FAIL`."""
    return "PASS" if result.passed else "FAIL"


def merged_copies(copies: list[Copy]) -> list[tuple[Copy, int]]:
    """Copies by the same code between the same places as one, with their number; most bytes first."""
    merged: dict[tuple[str, int | None, str, str], tuple[int, int]] = {}
    for copy in copies:
        key = (copy.by, copy.pc, copy.source, copy.target)
        size, count = merged.get(key, (0, 0))
        merged[key] = (size + copy.bytes, count + 1)
    rows = [
        (Copy(by=by, bytes=size, source=source, target=target, pc=pc), count)
        for (by, pc, source, target), (size, count) in merged.items()
    ]
    return sorted(rows, key=lambda row: -row[0].bytes)
