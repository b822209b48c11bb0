"""Options of `soc boot` that cannot be followed: one line on standard error and status 2, and no run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.boot.image_files import CODE, linux_image
from tests.boot.programs import Programs
from tests.boot.running import VIRT, complaint, variant

HELP = " (see soc boot --help)"
DRAM = "DRAM (0x40000000..0x5fffffff) or a ROM (0x0..0x3ffffff, 0x4000000..0x7ffffff)"
SECONDS = "argument --max-time: must be more than 0 and less than 1e9 seconds, not '{}'" + HELP
ADDRESS = "argument --load: must be a physical address of 48 bits, not '{}'" + HELP
OPTIONS = {
    **{f"--max-time={text}": SECONDS.format(text) for text in ("0", "-1", "nan", "inf", "1e9", "soon", "")},
    **{f"--load={text}": ADDRESS.format(text) for text in ("zz", "-1", "0x1000000000000", "1.5", "")},
    "--el=4": "argument --el: invalid choice: 4 (choose from ",
    "--engine=slow": "argument --engine: invalid choice: 'slow' (choose from ",
    "--seed=x": f"argument --seed: invalid int value: 'x'{HELP}",
    "--answer=x": f"argument --answer: expected 2 arguments{HELP}",
    "--fly": "unrecognized arguments: --fly (see soc --help)",
}


@pytest.mark.parametrize(("option", "problem"), OPTIONS.items(), ids=OPTIONS)
def test_options_that_mean_nothing(programs: Programs, option: str, problem: str) -> None:
    assert complaint(VIRT, programs.file("off"), option).startswith(f"soc: {problem}")


def test_words_that_are_missing() -> None:
    assert complaint() == f"soc: the following arguments are required: BOARD, IMAGE{HELP}"
    assert complaint(VIRT) == f"soc: the following arguments are required: IMAGE{HELP}"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--answer", "", "x"), "--answer needs a PROMPT to wait for"),
        (
            ("--fast", "--engine", "portable"),
            "host time needs every fast way of driving the engine; leave --fast out",
        ),
        (
            ("--load", "0x40000000"),
            "{image}: an ELF file says itself where it goes: leave the load address out",
        ),
    ],
)
def test_options_that_do_not_go_together(programs: Programs, options: tuple[str, ...], problem: str) -> None:
    path = programs.file("off")
    assert complaint(VIRT, path, *options) == "soc: " + problem.format(image=path)


@pytest.mark.parametrize(
    ("data", "address", "problem"),
    [
        (CODE, 0x2000_0000, f"the flat binary at 0x20000000..0x20000007 (8 B) does not lie in {DRAM}"),
        (
            linux_image(),
            0x4010_0000,
            "a Linux kernel cannot be loaded to 0x40100000: this one goes to a multiple of 2 MiB, plus 0x0, "
            "such as 0x40200000",
        ),
    ],
    ids=["flat", "Linux"],
)
def test_places_that_do_not_suit(tmp_path: Path, data: bytes, address: int, problem: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(data)
    assert complaint(VIRT, path, "--load", hex(address)) == f"soc: {path}: {problem}"


def test_arguments_that_are_too_long(programs: Programs) -> None:
    line = complaint(VIRT, programs.file("off"), "--append", "x" * (2 << 20))
    assert line.startswith(f"soc: {VIRT}:")
    assert "the device tree takes " in line and "Linux reads at most 2 MiB" in line


def test_symbols_that_are_none(programs: Programs, tmp_path: Path) -> None:
    names = tmp_path / "System.map"
    names.write_text("main\n", encoding="ascii")
    assert complaint(VIRT, programs.file("off"), "--symbols", names) == (
        f"soc: {names}:1: 'main' is no line of a System.map: an address, a letter and a name"
    )


@pytest.mark.parametrize("option", ["--log", "--dtb-out"])
@pytest.mark.parametrize(
    ("name", "reason"),
    [("", "Is a directory"), ("none/out", "No such file or directory")],
    ids=["a directory", "no directory"],
)
def test_files_that_cannot_be_written(
    programs: Programs, tmp_path: Path, option: str, name: str, reason: str
) -> None:
    path = tmp_path / name
    assert complaint(VIRT, programs.file("off"), option, path) == f"soc: cannot write {path}: {reason}"


@pytest.mark.parametrize("output", ["--log", "--dtb-out", "--screen"])
@pytest.mark.parametrize("name", ["BOARD", "IMAGE", "--initrd", "--symbols"])
def test_what_is_read_is_not_overwritten(programs: Programs, tmp_path: Path, output: str, name: str) -> None:
    files = {
        "BOARD": variant(tmp_path),
        "IMAGE": programs.file("off"),
        "--initrd": tmp_path / "initrd",
        "--symbols": programs.file("hang"),
    }
    files["--initrd"].write_bytes(CODE)
    before = {path: path.read_bytes() for path in files.values()}
    options = ("--initrd", files["--initrd"], "--symbols", files["--symbols"])
    by_another_name = files[name].parent / ".." / files[name].parent.name / files[name].name
    line = complaint(files["BOARD"], files["IMAGE"], *options, output, by_another_name)
    assert line == f"soc: {output} {by_another_name} would overwrite {name}: name another file"
    assert {path: path.read_bytes() for path in files.values()} == before


def test_two_outputs_are_two_files(programs: Programs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    line = complaint(VIRT, programs.file("off"), "--log", out, "--dtb-out", out)
    assert line == f"soc: --dtb-out {out} would overwrite --log: name another file"
    assert not out.exists()


def test_a_log_is_kept_until_there_is_a_run(programs: Programs, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"of the run before")
    complaint(VIRT, programs.file("off"), "--log", log, "--el", 3)
    assert log.read_bytes() == b"of the run before"
