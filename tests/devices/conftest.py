"""The last lines of a run say how often the device models were fuzzed."""

from __future__ import annotations

from collections import Counter

import pytest

FUZZ = "fuzz"
"""Name of the property in which a fuzz test reports its counts, (model, counts by name; one is "runs")."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per fuzzed model, over all its tests that passed, in whichever process they ran."""
    totals: dict[str, Counter[str]] = {}
    for report in terminalreporter.getreports("passed"):
        for model, counts in (value for name, value in report.user_properties if name == FUZZ):
            totals.setdefault(model, Counter()).update(counts)
    for model, counts in totals.items():
        runs = counts.pop("runs")
        what = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        terminalreporter.write_line(f"fuzz of {model}: {runs} runs without a Python exception ({what})")
