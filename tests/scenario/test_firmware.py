"""Scenarios that firmware drives, judged with nothing but the hardware's books."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from soc.cpu.image import load_image
from soc.cpu.watch import Touch
from soc.errors import BadInput
from soc.scenario.bugs import BUGS
from soc.scenario.culprits import copies, instruction_of
from soc.scenario.run import Run, run_scenario
from soc.scenario.spec import load_scenario
from tests.scenario.writing import ROOT, SCENARIOS, run

ELF = ROOT / "firmware" / "camera_to_display.elf"
PICTURE = "{width: 64, height: 48, format: XRGB8888}"
FRAME = 64 * 48 * 4
COPY = 1


def firmware_run(folder: Path, flags: int = 0, made: int = 5, **changes: str | None) -> Run:
    software = f"{{image: {ELF}, arguments: [64, 48, {made}, {flags}], buffers: fb_pool}}"
    return run(folder, **({"kernel": None, "firmware": software, "picture": PICTURE} | changes))


def test_firmware_moves_frames_without_a_copy(tmp_path: Path) -> None:
    result = firmware_run(tmp_path).result
    assert (result.verdict, result.passed, result.reasons) == ("proven", True, [])
    assert (result.produced, result.shown, result.mismatched) == (5, 5, 0)
    lines = result.uart.splitlines()
    assert lines[0] == "dmabuf-soc firmware: 64x48, 5 frames"
    assert lines[-1] == "done"
    assert result.moved_by["camera@32e20000"] == (0, 5 * FRAME)


def test_a_copy_is_named_by_function_instruction_and_bytes(tmp_path: Path) -> None:
    result = firmware_run(tmp_path, COPY).result
    [copy] = result.copies
    symbols = load_image(ELF).symbols
    start = symbols.address("copy_frame")
    assert result.verdict == "copied"
    assert not result.passed
    assert copy.bytes == 5 * FRAME
    assert copy.pc is not None
    assert copy.by == f"cpu at {symbols.name(copy.pc)} ({copy.pc:#x})"
    assert symbols.name(copy.pc).startswith("copy_frame+")
    assert copy.source.startswith("buffer at 0xb0000000")
    assert result.moved_by["cpu"] == (5 * FRAME, 5 * FRAME)
    assert start < copy.pc


def test_where_only_the_block_is_known_the_program_is_read(tmp_path: Path) -> None:
    """What a core without exact program counters sees leads to the same instruction."""
    image = load_image(ELF)
    exact = firmware_run(tmp_path, COPY).result.copies[0].pc
    assert exact is not None
    start = image.symbols.address("copy_frame")
    touch = Touch("fb", start, False, "write", 1, 8, 0xB0004000, 0xB0004007, 0)
    assert instruction_of(touch, image) == exact
    assert instruction_of(replace(touch, exact=True), image) == start
    nowhere = replace(touch, pc=0x10)
    assert instruction_of(nowhere, image) == 0x10


def test_a_function_that_only_reads_is_no_copy() -> None:
    image = load_image(ELF)
    read = Touch("fb", image.symbols.address("copy_frame"), True, "read", 1, 8, 0xB0000000, 0xB0000007, 0)
    assert copies([read], image, []) == []
    assert copies([read, replace(read, access="write")], image, []) != []


def test_frames_that_do_not_come_fail_the_run(tmp_path: Path) -> None:
    result = firmware_run(tmp_path, made=3, frames="5").result
    assert result.reasons == ["content: 3 of 5 frames produced, 3 fetched whole"]


def test_time_runs_out(tmp_path: Path) -> None:
    result = firmware_run(tmp_path, made=500, frames="500").result
    assert result.reasons[0].startswith("not done after 1 s of virtual time; the CPU is at ")


def test_firmware_that_refuses_its_arguments_says_so(tmp_path: Path) -> None:
    software = f"{{image: {ELF}, arguments: [0, 0, 0, 0], buffers: fb_pool}}"
    result = firmware_run(tmp_path, firmware=software).result
    assert not result.passed
    assert "error:" in result.uart


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        ("missing.elf", "missing.elf: cannot be read: No such file or directory"),
        (str(SCENARIOS / "cpu-copy.yaml"), "cpu-copy.yaml: not an ELF file"),
    ],
)
def test_an_image_that_is_none_is_one_line_with_its_place(tmp_path: Path, image: str, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        firmware_run(tmp_path, firmware=f"{{image: {image}, buffers: fb_pool}}")
    assert str(caught.value).startswith(f"{tmp_path / 'small.yaml'}:8: ")
    assert problem in str(caught.value)


def test_two_runs_are_one_run(tmp_path: Path) -> None:
    one, two = (firmware_run(tmp_path, COPY).result for _ in range(2))
    assert one.as_json() == two.as_json()
    assert (one.uart, one.timeline) == (two.uart, two.timeline)


@pytest.mark.parametrize(
    ("name", "verdict"), [("firmware-camera-to-display", "proven"), ("cpu-copy", "copied")]
)
def test_the_scenarios_that_ship(name: str, verdict: str) -> None:
    result = run_scenario(load_scenario(SCENARIOS / f"{name}.yaml", tuple(BUGS))).result
    assert result.verdict == verdict
    assert (result.produced, result.shown, result.mismatched) == (
        (120, 120, 0) if verdict == "proven" else (12, 12, 0)
    )


def test_firmware_that_only_faults_is_stopped_and_named(tmp_path: Path) -> None:
    """Without a console its own exception handler aborts, for ever."""
    board = (SCENARIOS.parent / "boards" / "rehearsal.yaml").read_text(encoding="utf-8")
    uart = "  serial@30860000: &uart\n"
    assert uart in board
    (tmp_path / "board.yaml").write_text(
        board.replace(uart, f"{uart}    status: disabled\n"), encoding="utf-8"
    )
    result = firmware_run(tmp_path, board="board.yaml").result
    assert result.reasons[0].startswith("the CPU stopped: halted; ")
    assert "aborts again and again" in result.reasons[0]
