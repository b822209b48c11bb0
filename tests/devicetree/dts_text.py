"""DTS text for these tests: bytes out, or the one line of its error."""

from __future__ import annotations

from pathlib import Path

import pytest

from soc.devicetree.fdt import flatten
from soc.devicetree.tree import Tree, read_board
from soc.errors import BadInput


def write(folder: Path, files: dict[str, str] | str) -> Path:
    """The first of `files` (name to text), or board.dts with that text."""
    named = {"board.dts": files} if isinstance(files, str) else files
    for name, text in named.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / next(iter(named))


def read(path: Path) -> Tree:
    """The tree of a file, no rule of a board applied."""
    return Tree(path, read_board(path))


def ours(path: Path) -> bytes:
    return flatten(read(path))


def complaint(path: Path) -> str:
    """What the user is told of the file, without the folder it is in."""
    with pytest.raises(BadInput) as caught:
        ours(path)
    assert caught.value.where is not None
    return str(caught.value).replace(f"{path.parent}/", "")
