"""What every test shares: reproducible property tests, fuzz counts, and tools of the operating system.

A fuzz test takes the fixture `count_fuzz` and calls `count_fuzz("SMMUv3")` when an example is done. The
last lines of a run of the tests say how many there were, over all tests and processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings

from tests.debian import PACKAGE_LIST, find_tool, listed_packages

# Derandomized: a failure on one machine is the same on every machine. No deadline: CI is slow at times.
settings.register_profile("reproducible", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("reproducible")

FUZZ = pytest.StashKey[dict[str, Counter[str]]]()
"""What each fuzz has done so far in this process: name -> counts, one of which is "runs"."""


@pytest.fixture(scope="session")
def debian_tool() -> Callable[[str, str], Path]:
    """`debian_tool("dtc", "device-tree-compiler")`: the program's path, or a skip with the package's name."""
    listed = listed_packages(PACKAGE_LIST.read_text(encoding="utf-8"))
    return lambda name, package: find_tool(name, package, listed)


class CountFuzz(Protocol):
    def __call__(self, name: str, runs: int = 1, **done: int) -> None:
        """Add `runs` examples to the fuzz `name`, and what was `done` in them by what to call it."""
        ...


@pytest.fixture(scope="session")
def count_fuzz(pytestconfig: pytest.Config) -> CountFuzz:
    """`count_fuzz("PL330", instructions=12)` once an example; one line per name ends the run of the tests."""
    totals = pytestconfig.stash[FUZZ]

    def count(name: str, runs: int = 1, **done: int) -> None:
        totals.setdefault(name, Counter()).update(done, runs=runs)

    return count


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FUZZ] = {}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker process hands its counts to the one that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["fuzz"] = {n: dict(c) for n, c in session.config.stash[FUZZ].items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker is done; one that crashed has no output."""
    totals = node.config.stash[FUZZ]
    for name, counts in getattr(node, "workeroutput", {}).get("fuzz", {}).items():
        totals.setdefault(name, Counter()).update(counts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, counts in sorted(config.stash[FUZZ].items()):
        done = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()) if what != "runs")
        terminalreporter.write_line(f"fuzz of {name}: {counts['runs']} runs" + (f" ({done})" if done else ""))
