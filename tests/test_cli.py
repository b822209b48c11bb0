"""The command `soc`: what it prints and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from PIL import Image

from devices.catalogue import MODELS, models, tables
from devices.drivers import DRIVERS, drivers_by_compatible
from soc import __version__
from soc.cli import main
from soc.errors import SocError
from tests.scenario.writing import BOARD, ROOT, write_scenario

KEYS = [
    "scenario",
    "board",
    "software",
    "result",
    "reasons",
    "zero_copy",
    "frames",
    "bytes",
    "iommu",
    "caches",
    "references",
    "warnings",
    "virtual_ns",
]
SHORT_PICTURE = "{width: 64, height: 32, format: XRGB8888}"
SHORT_KERNEL = "{heap: fb_pool, buffers: 3, sink-lines: 33}"


def soc(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of `soc ARGUMENTS`."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as leave:
        status = int(leave.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_run_that_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    status, printed, errors = soc(capsys, "run", write_scenario(tmp_path), "--out", out, "--quiet")
    assert (status, errors) == (0, "")
    lines = printed.splitlines()
    assert lines[0].startswith("PROVEN  ")
    assert lines[1].startswith("PASS  small on dmabuf-soc rehearsal board: 5 frames produced, 5 shown")
    assert lines[-1] == f"report: {out / 'report.html'}"
    assert sorted(path.name for path in out.iterdir()) == [
        "first.png",
        "last.png",
        "report.html",
        "report.json",
    ]
    with Image.open(out / "last.png") as picture:
        assert picture.size == (64, 48)


def test_the_contract_of_report_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soc(capsys, "run", write_scenario(tmp_path), "--out", tmp_path / "out", "--quiet")
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="ascii"))
    assert list(report) == KEYS
    assert (report["result"], report["reasons"]) == ("pass", [])
    assert {key: report["zero_copy"][key] for key in ("verdict", "copies")} == {
        "verdict": "proven",
        "copies": [],
    }
    names = [check["name"] for check in report["zero_copy"]["checks"]]
    assert names == ["same pages", "bytes", "cpu", "content", "caches"]
    assert report["frames"] == {"produced": 5, "shown": 5, "mismatched": 0}
    assert report["bytes"]["moved"] == report["bytes"]["minimum"] > 0
    assert (report["iommu"], report["references"]) == ({"faults": [], "stale_uses": []}, {"leaked": []})


def test_a_run_that_does_not_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_scenario(tmp_path, picture=SHORT_PICTURE, kernel=SHORT_KERNEL)
    status, printed, errors = soc(capsys, "run", path, "--out", tmp_path / "out", "--quiet")
    assert (status, errors) == (1, "")
    assert "FAIL  small on dmabuf-soc rehearsal board: 0 frames produced" in printed
    assert "-EINVAL: a buffer of 8192 bytes is too small for 64x33 XRGB8888 (8448)" in printed
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="ascii"))
    assert (report["result"], report["zero_copy"]["verdict"]) == ("fail", "unproven")


def test_progress_is_shown_unless_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, errors = soc(capsys, "run", write_scenario(tmp_path), "--out", tmp_path / "out")
    assert status == 0
    assert "small: 100%" in errors and "5/5" in errors


def test_without_out_the_report_goes_to_out_and_the_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, printed, _ = soc(capsys, "run", write_scenario(tmp_path), "--quiet")
    assert (status, printed.splitlines()[-1]) == (0, "report: out/small/report.html")
    assert (tmp_path / "out" / "small" / "report.json").is_file()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"frames": "none"}, "{path}:6: frames must be a number from 1 to 1000000, not 'none'"),
        ({"board": "none.yaml"}, "{path}:2: there is no board {folder}/none.yaml"),
        ({"board": r'"a\0b"'}, r"{path}:2: board must be the name of a file, not 'a\x00b'"),
        ({"source": "lcdif"}, "{path}:3: source must be an enabled camera: /soc/lcdif@32e00000 is none"),
        ({"kernel": None, "firmware": "{image: none.elf, buffers: fb_pool}"}, "{path}:8: "),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str | None], problem: str
) -> None:
    path = write_scenario(tmp_path, **changes)
    status, printed, errors = soc(capsys, "run", path, "--out", tmp_path / "out", "--quiet")
    assert (status, printed) == (2, "")
    assert errors.startswith("soc: ") and errors.count("\n") == 1 and errors.endswith("\n")
    assert problem.format(path=path, folder=tmp_path) in errors
    assert not (tmp_path / "out").exists()


def test_an_out_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    out = tmp_path / "file" / "out"
    status, printed, errors = soc(capsys, "run", write_scenario(tmp_path), "--out", out, "--quiet")
    assert (status, printed) == (2, "")
    assert errors == f"soc: cannot write the report to {out}: {out.parent} is not a directory\n"


@pytest.mark.parametrize(
    "arguments", [("run",), ("check",), (), ("fly",), ("run", "a.yaml", "--fast"), ("--x",)]
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    status, printed, errors = soc(capsys, *arguments)
    assert (status, printed) == (2, "")
    assert errors.startswith("soc: ") and errors.count("\n") == 1
    assert errors.endswith(" --help)\n")


@pytest.mark.parametrize(
    ("arguments", "example"),
    [
        ((), "example: soc run configs/scenarios/camera-to-display.yaml --out out"),
        (("run",), "example: soc run configs/scenarios/camera-to-display.yaml --out out"),
        (("check",), "example: soc check configs/boards/rehearsal.yaml"),
        (("regs",), "example: soc regs camera"),
    ],
)
def test_help_shows_an_example_that_exists(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], example: str
) -> None:
    status, printed, _ = soc(capsys, *arguments, "--help")
    assert (status, " ".join(printed.split()).count(example)) == (0, 1)
    for word in example.split():
        assert not word.endswith(".yaml") or (ROOT / word).is_file()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert soc(capsys, "--version")[:2] == (0, f"soc {__version__}\n")


def test_check_of_the_rehearsal_board(capsys: pytest.CaptureFixture[str]) -> None:
    status, printed, errors = soc(capsys, "check", BOARD)
    assert (status, errors) == (0, "")
    for node, model, driver in (
        ("lcdif@32e00000", "Lcdif", "mxsfb"),
        ("camera@32e20000", "Camera", "dmabuf-soc-camera"),
        ("iommu@2b400000", "Smmuv3", "arm-smmu-v3"),
    ):
        assert any(node in line and model in line and driver in line for line in printed.splitlines()), node


def test_check_of_a_bad_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = tmp_path / "b.yaml"
    board.write_text("soc: {a@0: {reg: [[", encoding="utf-8")
    status, printed, errors = soc(capsys, "check", board)
    assert (status, printed) == (2, "")
    assert errors.startswith(f"soc: {board}:1: not YAML: ") and errors.count("\n") == 1


def test_regs_lists_the_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    status, printed, _ = soc(capsys, "regs")
    assert status == 0
    assert [line.split()[0] for line in printed.splitlines()] == [table.name for table in tables()]


@pytest.mark.parametrize("table", tables(), ids=lambda table: str(table.name))
def test_regs_shows_every_register_of_a_block(capsys: pytest.CaptureFixture[str], table: object) -> None:
    status, printed, _ = soc(capsys, "regs", table.name)  # type: ignore[attr-defined]
    assert status == 0
    assert all(register.name in printed for register in table.registers)  # type: ignore[attr-defined]


def test_regs_of_an_unknown_block(capsys: pytest.CaptureFixture[str]) -> None:
    status, printed, errors = soc(capsys, "regs", "vpu")
    known = ", ".join(table.name for table in tables())
    assert (status, printed, errors) == (2, "", f"soc: no block 'vpu'; known: {known}\n")


def test_the_catalogue_names_every_compatible_once() -> None:
    assert len(models()) == sum(len(model.compatible) for model in MODELS)
    assert len(drivers_by_compatible()) == sum(len(driver.of_match) for driver in DRIVERS)
    assert set(drivers_by_compatible()) <= set(models())
    assert len({table.name for table in tables()}) == len(tables())


def test_an_interrupt_from_the_keyboard_is_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("soc.cli.run.run_scenario", interrupted)
    status, _, errors = soc(capsys, "run", write_scenario(tmp_path), "--quiet")
    assert (status, errors) == (130, "soc: interrupted\n")


def test_what_stops_a_run_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, line in (
        (SocError("cpu: nothing answers"), "soc: cpu: nothing answers\n"),
        (MemoryError(), "soc: this host has too little memory for the board\n"),
    ):
        monkeypatch.setattr("soc.cli.run.run_scenario", Mock(side_effect=error))
        assert soc(capsys, "run", write_scenario(tmp_path), "--quiet") == (2, "", line)


def test_registers_beyond_their_window_are_the_boards_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = tmp_path / "board.yaml"
    board.write_text(BOARD.read_text(encoding="utf-8").replace("[0x32e00000, 0x10000]", "[0x32e00000, 0x40]"))
    path = write_scenario(tmp_path, board=str(board))
    status, printed, errors = soc(capsys, "run", path, "--out", tmp_path / "out", "--quiet")
    line = 1 + board.read_text(encoding="utf-8").splitlines().index("  lcdif@32e00000: &lcdif")
    assert (status, printed) == (2, "")
    assert errors == (f"soc: {board}:{line}: reg of /soc/lcdif@32e00000 is 64 B, its registers need 64 KiB\n")


def test_python_m_soc_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "soc", "run", "none.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "soc: none.yaml:1: cannot read the scenario: No such file or directory\n"


def test_a_scenario_is_no_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_scenario(tmp_path)
    assert main(["check", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"soc: {path}:1: no memory node: this is no board that can run, or no board at all\n"
    )


def test_output_that_has_nowhere_to_go_is_one_line() -> None:
    board = str(ROOT / "configs" / "boards" / "rehearsal.yaml")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "soc", "check", board],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, "soc: the operating system says: No space left on device\n")


def test_a_reader_that_leaves_changes_neither_report_nor_status(tmp_path: Path) -> None:
    path, out = write_scenario(tmp_path), tmp_path / "out"
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "soc", "run", str(path), "--quiet", "--out", str(out)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["result"] == "pass"
