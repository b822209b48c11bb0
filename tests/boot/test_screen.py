"""`soc boot --screen`: what the display showed last, as a PNG file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.boot.running import VIRT, Run, boot, complaint, variant
from tests.cpu.guest import build

HERE = Path(__file__).parent
RED, GREEN = (255, 0, 0), (0, 255, 0)
COLOURS = [
    [RED, GREEN, (0, 0, 255), (255, 255, 255)],
    [(0, 0, 0), (0x12, 0x34, 0x56), (128, 128, 128), (0xFE, 0xDC, 0xBA)],
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scanout") / "scanout.elf"
    build([HERE / "scanout.S"], path)
    return path


def shown(program: Path, path: Path, keys: str, *options: object) -> Run:
    """The program, which is given one of `keys` each time it starts."""
    answers = [word for key in keys for word in ("--answer", "?", key)]
    run = boot(VIRT, program, "--screen", path, *answers, *options)
    assert (run.status, run.remarks, run.console.count(b"?")) == (0, [], len(keys)), run.notes
    return run


def pixels(path: Path) -> list[list[tuple[int, ...]]]:
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return [[tuple(pixel) for pixel in line] for line in np.asarray(image).tolist()]


def test_the_last_picture_is_kept(program: Path, tmp_path: Path) -> None:
    shown(program, tmp_path / "screen.png", "t")
    assert pixels(tmp_path / "screen.png") == COLOURS


@pytest.mark.parametrize("engine", ["portable", "fast"])
def test_however_the_engine_is_driven(engine: str, program: Path, tmp_path: Path) -> None:
    shown(program, tmp_path / "screen.png", "g", "--engine", engine)
    assert pixels(tmp_path / "screen.png") == [[GREEN] * 4] * 2


def test_after_a_reset_it_is_the_new_machines(program: Path, tmp_path: Path) -> None:
    shown(program, tmp_path / "screen.png", "rg")
    assert pixels(tmp_path / "screen.png") == [[GREEN] * 4] * 2


def test_a_new_machine_that_shows_nothing_leaves_the_picture(program: Path, tmp_path: Path) -> None:
    shown(program, tmp_path / "screen.png", "ro")
    assert pixels(tmp_path / "screen.png") == [[RED] * 4] * 2


def test_a_dark_display_leaves_no_file_and_says_so(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "screen.png"
    run = shown(program, path, "o", "--quiet")
    assert run.notes == (f"soc: the display showed nothing: {path} is not written",)
    assert not path.exists()


def test_what_was_in_the_file_is_replaced(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "screen.png"
    path.write_bytes(b"old")
    shown(program, path, "t")
    assert pixels(path) == COLOURS
    assert list(tmp_path.iterdir()) == [path]


def test_a_board_without_a_display_is_refused(program: Path, tmp_path: Path) -> None:
    node = "    compatible: [fsl,imx8mm-lcdif, fsl,imx6sx-lcdif]\n"
    board = variant(tmp_path, (node, f"{node}    status: disabled\n"))
    lines = board.read_text(encoding="utf-8").splitlines()
    line = 1 + next(number for number, text in enumerate(lines) if text.startswith("model:"))
    assert complaint(board, program, "--screen", tmp_path / "screen.png") == (
        f"soc: {board}:{line}: the board has no display (fsl,imx6sx-lcdif), so it has no screen"
    )


def test_a_file_that_has_no_place_is_refused_before_the_run(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "screen.png"
    assert complaint(VIRT, program, "--screen", path) == (
        f"soc: cannot write {path}: there is no directory {path.parent}"
    )
