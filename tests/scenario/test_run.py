"""Scenarios on the modelled kernel, from file to verdict, with small pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from soc.errors import BadInput
from soc.scenario.bugs import BUGS
from soc.scenario.rig import Picture
from soc.scenario.run import run_scenario
from soc.scenario.spec import load_scenario
from soc.verify.result import RunResult
from tests.devices.counter_reader import read_counter
from tests.scenario.writing import SCENARIOS, load, run

FRAME = 4 * 64 * 48
CAMERA, DISPLAY = "camera@32e20000", "lcdif@32e00000"
TALL = "{width: 16, height: 2048, format: XRGB8888}"
"""32 pages a frame, and only some four refreshes of the display for each frame of the camera."""


def test_a_small_picture_is_proven(tmp_path: Path) -> None:
    shown: list[int] = []
    run = run_scenario(load(tmp_path), shown.append)
    result = run.result
    assert (result.passed, result.verdict, result.reasons) == (True, "proven", [])
    assert (result.produced, result.shown, result.mismatched) == (5, 5, 0)
    assert shown == [1, 2, 3, 4, 5]
    refreshes = sum(span.engine == DISPLAY for span in result.timeline)
    assert result.moved == result.minimum == (5 + refreshes) * FRAME
    assert result.moved_by == {CAMERA: (0, 5 * FRAME), DISPLAY: (refreshes * FRAME, 0)}
    assert (result.faults, result.leaked, result.warnings, result.copies) == ([], [], [], [])
    assert (result.scenario, result.board) == ("small", "dmabuf-soc rehearsal board")
    assert {span.buffer for span in result.timeline} == {f"dma-buf {n} 'fb_pool'" for n in (1, 2, 3)}


def test_first_and_last_picture_are_the_first_and_last_frame(tmp_path: Path) -> None:
    pictures = run(tmp_path, frames="12").pictures
    assert [read_counter(pictures[name].sum(axis=-1)) for name in ("first", "last")] == [0, 11]
    assert pictures["last"].shape == (48, 64, 3)


@pytest.mark.parametrize("buffers", [2, 3, 4, 5, 8])
def test_any_number_of_buffers_from_two_on_streams(tmp_path: Path, buffers: int) -> None:
    result = run(tmp_path, kernel=f"{{heap: fb_pool, buffers: {buffers}}}", frames="12").result
    assert (result.reasons, result.shown) == ([], 12)


def test_one_buffer_is_never_free_again(tmp_path: Path) -> None:
    result = run(tmp_path, picture=TALL, kernel="{heap: fb_pool, buffers: 1}").result
    assert result.reasons[0] == "not done after 1 s of virtual time"
    assert result.reasons[1:] == ["content: 1 of 5 frames produced, 1 fetched whole"]
    assert (result.produced, result.shown, result.leaked, result.warnings) == (1, 1, [], [])


@pytest.mark.parametrize("size", [(1, 1), (1000, 1), (2, 1000), (38, 10)])
def test_pictures_in_which_frames_look_alike_are_proven_too(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = f"{{width: {size[0]}, height: {size[1]}, format: XRGB8888, pattern: gradient}}"
    result = run(tmp_path, picture=picture, frames="12").result
    assert (result.reasons, result.shown) == ([], 12)


@pytest.mark.parametrize(
    ("heap", "label"),
    [("fb_pool", "fb_pool"), ("framebuffer@b0000000", "fb_pool")],
)
def test_buffers_come_from_the_region_that_is_named(tmp_path: Path, heap: str, label: str) -> None:
    result = run(tmp_path, kernel=f"{{heap: '{heap}', buffers: 3}}").result
    assert result.reasons == []
    assert {span.buffer.split()[-1] for span in result.timeline} == {f"'{label}'"}


@pytest.mark.parametrize(
    ("heap", "exporter"),
    [
        ("system", "system"),
        ("negotiated", "negotiated"),
        ("cma_pool", "linux,cma@a0000000"),
        ("linux,cma@a0000000", "linux,cma@a0000000"),
    ],
)
def test_buffers_come_from_the_kernels_own_heaps(tmp_path: Path, heap: str, exporter: str) -> None:
    result = run(tmp_path, kernel=f"{{heap: '{heap}', buffers: 3}}").result
    assert (result.reasons, result.verdict, result.leaked) == ([], "proven", [])
    assert {span.buffer.split()[-1] for span in result.timeline} == {f"'{exporter}'"}


@pytest.mark.parametrize("generation", ["2011", "4.9", "6.12", "6.15", "6.19"])
def test_every_generation_shares_without_a_copy(tmp_path: Path, generation: str) -> None:
    kernel = f'{{heap: fb_pool, buffers: 3, generation: "{generation}"}}'
    result = run(tmp_path, kernel=kernel).result
    assert (result.reasons, result.verdict, result.warnings, result.leaked) == ([], "proven", [], [])


@pytest.mark.parametrize(
    ("heap", "generation", "heaps"),
    [
        ("none", "6.12", "system, linux,cma@a0000000, negotiated"),
        ("system", "4.9", "none, Linux 4.9 has none"),
        ("cma_pool", "4.9", "none, Linux 4.9 has none"),
    ],
)
def test_a_heap_that_is_not_there_is_refused(tmp_path: Path, heap: str, generation: str, heaps: str) -> None:
    with pytest.raises(BadInput) as caught:
        run(tmp_path, kernel=f'{{heap: {heap}, buffers: 3, generation: "{generation}"}}')
    assert str(caught.value) == (
        f"{tmp_path}/small.yaml:8: there is no heap {heap!r}; "
        f"reserved regions: fw_region, cma_pool, fb_pool, shared_pool; dma-heaps: {heaps}"
    )


def test_a_generation_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        run(tmp_path, kernel='{heap: fb_pool, buffers: 3, generation: "5.4"}')
    known = "2011, 4.9, 6.12, 6.15, 6.19"
    assert str(caught.value) == f"{tmp_path}/small.yaml:8: generation must be one of {known}, not '5.4'"


def test_a_still_scene_leaves_both_pictures(tmp_path: Path) -> None:
    """Pictures too small for digits all look the same."""
    done = run(tmp_path, picture="{width: 2, height: 2, format: XRGB8888}")
    assert (done.result.shown, set(done.pictures)) == (5, {"first", "last"})


def test_a_short_buffer_faults_and_names_the_last_owner(tmp_path: Path) -> None:
    kernel = "{heap: fb_pool, buffers: 3, sink-lines: 2049, bugs: [display-skips-size-check]}"
    result = run(tmp_path, picture=TALL, kernel=kernel).result
    assert (result.verdict, result.produced, result.shown) == ("unproven", 5, 0)
    first = result.faults[0]
    assert (first.device, first.stream, first.access, first.reason) == (
        DISPLAY,
        0x10,
        "read",
        "F_TRANSLATION",
    )
    start = first.iova - 32 * 4096
    assert first.last_owner.endswith(
        f"32e00000.lcdif's mapping of dma-buf 1 'fb_pool' at {start:#x}..{first.iova - 1:#x}"
    )
    assert result.reasons[0] == (
        f"F_TRANSLATION: {DISPLAY} stream 0x10 read at iova {first.iova:#x} "
        f"(and {len(result.faults) - 1} more); last owner: {first.last_owner}"
    )
    assert [reason.split(":")[0] for reason in result.reasons[1:]] == ["same pages", "bytes", "content"]
    assert (result.leaked, result.warnings) == ([], [])


def test_a_correct_driver_refuses_the_short_buffer(tmp_path: Path) -> None:
    result = run(tmp_path, picture=TALL, kernel="{heap: fb_pool, buffers: 3, sink-lines: 2049}").result
    why = "a buffer of 131072 bytes is too small for 16x2049 XRGB8888 (131136)"
    assert result.reasons[0] == f"the pipeline could not run: -EINVAL: {why}"
    assert (result.verdict, result.produced, result.faults) == ("unproven", 0, [])
    assert (result.leaked, result.warnings, result.timeline) == ([], [], [])


def test_a_buffer_unmapped_too_early_faults_and_says_since_when(tmp_path: Path) -> None:
    kernel = "{heap: fb_pool, buffers: 3, bugs: [display-unmaps-at-flip]}"
    result = run(tmp_path, picture=TALL, kernel=kernel, frames="12").result
    assert (result.verdict, result.passed) == ("unproven", False)
    first = result.faults[0]
    owner, _, when = first.last_owner.partition(", unmapped at ")
    assert owner.startswith("32e00000.lcdif's mapping of dma-buf ")
    assert 0 < float(when.removesuffix(" s")) <= first.time / 1e9
    assert result.reasons[0].startswith(f"F_TRANSLATION: {DISPLAY} stream 0x10 read at iova {first.iova:#x}")
    assert result.mismatched == len(result.faults)
    assert (result.leaked, result.warnings) == ([], [])


def test_too_many_buffers_do_not_fit_the_heap(tmp_path: Path) -> None:
    picture = "{width: 1920, height: 1080, format: XRGB8888}"
    result = run(tmp_path, picture=picture, kernel="{heap: fb_pool, buffers: 9}").result
    assert result.reasons[0] == (
        "the pipeline could not run: -ENOMEM: fb_pool: no 8100 KiB in one run: "
        "736 KiB of 64 MiB are free, the largest run is 736 KiB"
    )
    assert (result.leaked, result.warnings) == ([], [])


@pytest.mark.parametrize("code", ["RGB565", "NV12"])
def test_formats_that_one_end_does_not_have(tmp_path: Path, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        run(tmp_path, picture=f"{{width: 64, height: 48, format: {code}}}")
    assert caught.value.problem == (
        "format must be XRGB8888 to pass from camera to display: "
        "one makes XRGB8888, NV12, the other shows XRGB8888, RGB565"
    )


def test_time_can_run_out(tmp_path: Path) -> None:
    result = run(tmp_path, picture=TALL, frames="200").result
    assert result.reasons[0] == "not done after 1 s of virtual time"
    assert result.produced < 200 and (result.leaked, result.warnings) == ([], [])


# --- the scenarios that ship, at full size ---------------------------------------


def shipped(name: str) -> tuple[RunResult, dict[str, Picture]]:
    run = run_scenario(load_scenario(SCENARIOS / f"{name}.yaml", tuple(BUGS)))
    return run.result, run.pictures


def test_camera_to_display() -> None:
    result, pictures = shipped("camera-to-display")
    assert (result.verdict, result.reasons, result.shown) == ("proven", [], 120)
    frame = 1920 * 1080 * 4
    refreshes, rest = divmod(result.moved_by[DISPLAY][0], frame)
    assert refreshes >= 120 and rest == 0
    assert result.moved == result.minimum == (120 + refreshes) * frame
    assert [read_counter(pictures[name].sum(axis=-1)) for name in ("first", "last")] == [0, 119]


def test_short_buffer() -> None:
    result, _ = shipped("short-buffer")
    assert (result.verdict, result.passed, result.shown) == ("unproven", False, 0)
    assert (result.faults[0].stream, result.faults[0].access) == (0x10, "read")
    size = 1920 * 1079 * 4 // 4096 * 4096 + 4096
    assert result.faults[0].iova % (8 << 20) == size
    assert "32e00000.lcdif's mapping of dma-buf 1 'fb_pool'" in result.faults[0].last_owner


def test_early_unmap() -> None:
    result, _ = shipped("early-unmap")
    assert (result.verdict, result.passed) == ("unproven", False)
    assert ", unmapped at " in result.faults[0].last_owner
    assert {fault.reason for fault in result.faults} == {"F_TRANSLATION"}


def test_driver_copy() -> None:
    result, _ = shipped("driver-copy")
    assert (result.verdict, result.passed, result.shown) == ("copied", False, 12)
    frames = 12 * 1280 * 720 * 4
    assert [(copy.by, copy.bytes) for copy in result.copies] == [("cpu", frames)]
    assert result.copies[0].source.startswith("dma-buf 1 'fb_pool'")
    assert result.copies[0].target.startswith("buffer at 0x")
    assert result.moved_by["cpu"] == (frames, frames)
    assert (result.leaked, result.warnings) == ([], [])


def test_dma_copy() -> None:
    result, _ = shipped("dma-copy")
    assert (result.verdict, result.passed, result.shown) == ("copied", False, 12)
    frames = 12 * 1280 * 720 * 4
    assert [(copy.by, copy.bytes) for copy in result.copies] == [("dma-controller@30bd0000", frames)]
    assert result.moved_by["dma-controller@30bd0000"] == (frames, frames)
    assert "cpu" not in result.moved_by
    assert (result.leaked, result.warnings, result.faults) == ([], [], [])


def test_stale_cursor() -> None:
    result, _ = shipped("stale-cursor")
    assert (result.verdict, result.passed) == ("unproven", False)
    assert result.moved_by["cpu"] == (0, 12 * 16 * 64)
    told = result.reasons[0]
    assert told.startswith(
        "caches: camera@32e20000 lost data of a device to a dirty line written back over it: "
    )
    assert "CPU side cursor of 32e00000.lcdif at " in told
    assert (result.leaked, result.warnings, result.faults) == ([], [], [])
