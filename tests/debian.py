"""Tools of the operating system that a test compares us with, by Debian package."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

PACKAGE_LIST = Path(__file__).with_name("debian-packages.txt")


def listed_packages(text: str) -> frozenset[str]:
    """The package names in a list: one per line, `#` starts a comment."""
    names = (line.partition("#")[0].strip() for line in text.splitlines())
    return frozenset(name for name in names if name)


def find_tool(name: str, package: str, listed: frozenset[str]) -> Path:
    """Where the program `name` is. Skips the test when it is not installed.

    Fails when `package` is not in the list: continuous integration installs
    only what is listed, so the test would be skipped there for ever.
    """
    if package not in listed:
        pytest.fail(f"package {package} (for {name}) is not listed in tests/{PACKAGE_LIST.name}")
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing: apt-get install {package}")
    return Path(found)
