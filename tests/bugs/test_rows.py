"""No row is forgotten: each has a test that plants its bug, one that does not, and a line in docs/bugs.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bugs.rows import ELSEWHERE, HERE

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "bugs.md"
TEST = re.compile(r"^def test_row_(\d\d)_(planted|clean)_\w+\(", re.MULTILINE)
TESTS = [
    match.groups() for path in FOLDER.glob("test_*.py") for match in TEST.finditer(path.read_text("utf-8"))
]


def test_the_table_has_all_forty() -> None:
    assert sorted([*HERE, *ELSEWHERE]) == list(range(1, 41))


@pytest.mark.parametrize("row", HERE, ids=lambda row: f"row {row:02}")
def test_every_row_has_a_planted_and_a_clean_test(row: int) -> None:
    assert {kind for number, kind in TESTS if int(number) == row} == {"planted", "clean"}


def test_no_test_is_of_a_row_that_is_not_in_the_table() -> None:
    assert {int(number) for number, _ in TESTS} == set(HERE)


def test_the_page_has_a_line_for_every_row_in_order() -> None:
    lines = re.findall(r"^\| (\d+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [int(number) for number in lines] == [*HERE, *ELSEWHERE]
