"""Boards for these tests: text in, a tree or the one line of its error out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from soc.devicetree.tree import Tree, load_board
from soc.errors import BadInput
from tests.devicetree.dtc import Dtc

Load = Callable[[str], Tree]
Complain = Callable[[str], str]


@pytest.fixture(scope="session")
def dtc(debian_tool: Callable[[str, str], Path]) -> Dtc:
    return Dtc(debian_tool("dtc", "device-tree-compiler"))


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The tree of a board given as text."""

    def load_text(text: str) -> Tree:
        file = tmp_path / "board.yaml"
        file.write_text(dedent(text), encoding="utf-8")
        return load_board(file)

    return load_text


@pytest.fixture
def complain(load: Load, tmp_path: Path) -> Complain:
    """What the user is told about a bad board, without the directory it is in."""

    def complaint(text: str) -> str:
        with pytest.raises(BadInput) as caught:
            load(text)
        assert caught.value.where is not None
        return str(caught.value).replace(f"{tmp_path}/", "")

    return complaint
