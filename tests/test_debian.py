from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.debian import find_tool, listed_packages


def test_list_has_comments_blank_lines_and_names() -> None:
    text = "# oracle\n\ndash  # a shell\n  gdb\n"
    assert listed_packages(text) == {"dash", "gdb"}


def test_an_installed_tool_is_found() -> None:
    assert find_tool("sh", "dash", frozenset({"dash"})).name == "sh"


def test_a_missing_tool_skips_with_its_package() -> None:
    with pytest.raises(pytest.skip.Exception, match="^no-such-tool is missing: apt-get install dash$"):
        find_tool("no-such-tool", "dash", frozenset({"dash"}))


def test_an_unlisted_package_fails(debian_tool: Callable[[str, str], Path]) -> None:
    expected = r"^package no-such-package \(for sh\) is not listed in tests/debian-packages\.txt$"
    with pytest.raises(pytest.fail.Exception, match=expected):
        debian_tool("sh", "no-such-package")
