"""What every test shares: reproducible property tests, and tools of the operating system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests.debian import PACKAGE_LIST, find_tool, listed_packages

# Derandomized: a failure on one machine is the same on every machine. No deadline: CI is slow at times.
settings.register_profile("reproducible", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("reproducible")


@pytest.fixture(scope="session")
def debian_tool() -> Callable[[str, str], Path]:
    """`debian_tool("dtc", "device-tree-compiler")`: the program's path, or a skip with the package's name."""
    listed = listed_packages(PACKAGE_LIST.read_text(encoding="utf-8"))
    return lambda name, package: find_tool(name, package, listed)
