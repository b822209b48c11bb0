from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from soc.errors import BadInput
from soc.report import write_report
from tests.report import results
from tests.report.page import Page

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def test_everything_is_there_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    write_report(results.copied(), out, {"last": PICTURE[::-1], "first": PICTURE})
    assert {path.name for path in out.iterdir()} == {"report.json", "report.html", "first.png", "last.png"}
    assert json.loads((out / "report.json").read_text())["zero_copy"]["verdict"] == "copied"
    assert Page((out / "report.html").read_text()).values("img", "src") == ["first.png", "last.png"]
    for name, picture in (("first.png", PICTURE), ("last.png", PICTURE[::-1])):
        with Image.open(out / name) as image:
            np.testing.assert_array_equal(np.asarray(image), picture)


def test_a_second_run_takes_the_place_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write_report(results.proven(), tmp_path, {"first": PICTURE, "last": PICTURE})
    write_report(results.unproven(), tmp_path, {"first": PICTURE})
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.json", "report.html", "first.png", "notes.txt"}
    assert Page((tmp_path / "report.html").read_text()).values("img", "src") == ["first.png"]
    assert json.loads((tmp_path / "report.json").read_text())["result"] == "fail"


def test_the_same_run_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(results.unproven(), tmp_path / name, {"first": PICTURE})
    for name in ("report.json", "report.html", "first.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_others_may_read_what_the_mask_lets_them(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    write_report(results.proven(), tmp_path, {"first": PICTURE})
    assert len({stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}) == 1


def test_an_unknown_picture(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^picture must be one of first, last, not '\.\./first'$"):
        write_report(results.proven(), tmp_path / "out", {"../first": PICTURE})
    assert not (tmp_path / "out").exists()


def test_out_is_a_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(BadInput) as caught:
        write_report(results.proven(), out, {})
    assert str(caught.value) == f"cannot write the report to {out}: File exists"
    assert out.read_text() == "mine"


def test_the_place_of_a_report_is_taken_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(BadInput, match=r"^cannot write the report to .*: Is a directory$"):
        write_report(results.proven(), tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
