"""The LCDIF driver on the rehearsal board, through registers only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from devices.lcdif.driver import LcdifDriver
from devices.lcdif.hardware import Lcdif
from devices.lcdif.regs import TABLE
from soc.kernel.errors import KernelError
from soc.picture import PictureFormat
from tests.devices.kernel_bench import KernelBench

SMALL = PictureFormat(64, 48, "XRGB8888")
PERIOD = (48 + 45) * (64 + 280) * 1_000_000_000 // 148_500_000
ACTIVE = 48 * (64 + 280) * 1_000_000_000 // 148_500_000
"""Nanoseconds of a frame of `SMALL` with the driver's blanking, and of its active part."""


@pytest.fixture
def bench() -> Iterator[KernelBench]:
    bench = KernelBench()
    yield bench
    bench.close()


@pytest.fixture
def display(bench: KernelBench) -> LcdifDriver:
    return bench.driver("lcdif", LcdifDriver)


def model(bench: KernelBench) -> Lcdif:
    found = bench.machine.model("lcdif")
    assert isinstance(found, Lcdif)
    return found


def refused(errno: str, why: str) -> AbstractContextManager[object]:
    return pytest.raises(KernelError, match=f"^-{errno}: {why}$")


def with_buffers(bench: KernelBench, display: LcdifDriver, count: int) -> list[int]:
    """The IOVAs of `count` imported framebuffers."""
    display.set_mode(SMALL)
    for _ in range(count):
        display.import_framebuffer(bench.task, bench.buffer(SMALL.buffer_size))
    return [buffer.iova for buffer in display.buffers]


def test_probe_resets_and_logs_the_version(bench: KernelBench, display: LcdifDriver) -> None:
    assert "[    0.000000] mxsfb 32e00000.lcdif: version 4.1" in bench.kernel.log.lines()
    recorder = bench.record("lcdif", TABLE)
    display.probe()
    assert recorder.writes == [("CTRL_SET", 1 << 31)]


def test_the_first_flip_programs_these_registers_in_this_order(
    bench: KernelBench, display: LcdifDriver
) -> None:
    iovas = with_buffers(bench, display, 2)
    recorder = bench.record("lcdif", TABLE)
    display.flip(1)
    assert recorder.writes == [
        ("CTRL_CLR", 1 << 31),
        ("CTRL_CLR", 1 << 30),
        ("CTRL1", 0x7 << 16),
        ("CTRL", 1 << 5 | 1 << 19 | 3 << 8 | 3 << 10),
        ("TRANSFER_COUNT", 48 << 16 | 64),
        ("VDCTRL0", 1 << 28 | 1 << 21),
        ("VDCTRL1", 48 + 45),
        ("VDCTRL2", 64 + 280),
        ("VDCTRL3", 140 << 16 | 22),
        ("VDCTRL4", 1 << 18 | 64),
        ("CUR_BUF", iovas[1]),
        ("NEXT_BUF", iovas[1]),
        ("CTRL1_SET", 1 << 13 | 1 << 14),
        ("CTRL_SET", 1 << 17),
        ("CTRL_SET", 1),
    ]
    recorder.writes.clear()
    display.flip(0)
    assert recorder.writes == [("NEXT_BUF", iovas[0])]


def test_a_flip_takes_place_at_the_end_of_the_frame(bench: KernelBench, display: LcdifDriver) -> None:
    iovas = with_buffers(bench, display, 3)
    flips: list[tuple[int, int | None]] = []
    display.on_flip = lambda index, before: flips.append((index, before))
    display.flip(0)
    assert (flips, display.shown, display.flip_pending) == ([(0, None)], 0, False)
    display.flip(2)
    assert (flips, display.flip_pending) == ([(0, None)], True)
    bench.run(ACTIVE // 2)
    assert (display.shown, model(bench).regs.get("CUR_BUF")) == (0, iovas[0])
    bench.run(PERIOD - ACTIVE // 2)
    assert (flips, display.shown, display.flip_pending) == ([(0, None), (2, 0)], 2, False)
    bench.run(3 * PERIOD)
    assert [record.iova for record in model(bench).frames.records] == [iovas[0], *[iovas[2]] * 3]
    assert (display.frames_scanned, display.underflows) == (4, 0)
    assert bench.kernel.log.warnings == []


def test_on_scanned_comes_before_the_flip_of_that_frame(bench: KernelBench, display: LcdifDriver) -> None:
    with_buffers(bench, display, 2)
    seen: list[str] = []
    display.on_scanned = lambda: seen.append(f"scanned {display.shown}")
    display.on_flip = lambda index, before: seen.append(f"flipped {index}")
    display.flip(0)
    display.flip(1)
    bench.run(2 * PERIOD)
    assert seen == ["flipped 0", "scanned 0", "flipped 1", "scanned 1"]


def test_an_underflow_is_counted_and_the_next_frame_is_whole(
    bench: KernelBench, display: LcdifDriver
) -> None:
    with_buffers(bench, display, 1)
    display.flip(0)
    bench.run(ACTIVE // 2)
    display.buffers[0].unmap()
    bench.run(PERIOD - ACTIVE // 2)
    assert (display.underflows, display.frames_scanned) == (1, 1)
    display.buffers[0].map()
    bench.run(PERIOD)
    records = model(bench).frames.records
    assert [record.complete for record in records] == [False, True]
    assert display.underflows == 1
    assert str(records[0].fault).startswith("F_TRANSLATION at iova 0x")


def test_rgb565_is_sixteen_bits_a_pixel(bench: KernelBench, display: LcdifDriver) -> None:
    picture = PictureFormat(64, 48, "RGB565")
    display.set_mode(picture)
    display.import_framebuffer(bench.task, bench.buffer(picture.buffer_size))
    display.flip(0)
    bench.run(PERIOD)
    assert model(bench).frames.records[0].size == 64 * 48 * 2


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (PictureFormat(64, 48, "NV12"), "the display does not show NV12"),
        (PictureFormat(0, 48, "RGB565"), "the display does not show 0x48 RGB565"),
        (PictureFormat(0x10000, 48, "RGB565"), "the display does not show 65536x48 RGB565"),
        (PictureFormat(64, 0x10000, "RGB565"), "the display does not show 64x65536 RGB565"),
    ],
)
def test_modes_the_display_does_not_have(display: LcdifDriver, picture: PictureFormat, why: str) -> None:
    with refused("EINVAL", why):
        display.set_mode(picture)


def test_the_mode_cannot_change_under_imported_buffers(bench: KernelBench, display: LcdifDriver) -> None:
    with_buffers(bench, display, 1)
    with refused("EBUSY", "buffers are imported for the present mode"):
        display.set_mode(SMALL)
    display.disable()
    display.set_mode(SMALL)


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (None, "no mode is set"),
        (SMALL, r"a buffer of 8192 bytes is too small for 64x48 XRGB8888 \(12288\)"),
    ],
)
def test_a_refused_import_leaves_nothing_behind(
    bench: KernelBench, display: LcdifDriver, picture: PictureFormat | None, why: str
) -> None:
    if picture:
        display.set_mode(picture)
    fd = bench.buffer(8192)
    before = bench.ledger()
    with refused("EINVAL", why):
        display.import_framebuffer(bench.task, fd)
    assert (bench.ledger(), display.buffers, bench.kernel.log.warnings) == (before, [], [])


def test_one_flip_at_a_time(bench: KernelBench, display: LcdifDriver) -> None:
    with_buffers(bench, display, 3)
    display.flip(0)
    display.flip(1)
    with refused("EBUSY", "a flip is pending"):
        display.flip(2)
    bench.run(PERIOD)
    display.flip(2)


def test_a_flip_that_is_refused_is_not_pending(bench: KernelBench, display: LcdifDriver) -> None:
    iovas = with_buffers(bench, display, 2)
    for index in (-1, 2):
        with refused("EINVAL", f"the display has no buffer {index}"):
            display.flip(index)
    display.flip(0)
    display.buffers[1].unmap()
    with refused("EINVAL", "32e00000.lcdif: dma-buf 2 'fb_pool' is not mapped"):
        display.flip(1)
    assert not display.flip_pending
    assert model(bench).regs.get("NEXT_BUF") == iovas[0]
    display.buffers[1].map()
    display.flip(1)


def test_disable_in_mid_frame_gives_everything_back(bench: KernelBench, display: LcdifDriver) -> None:
    display.set_mode(SMALL)
    fds = [bench.buffer(SMALL.buffer_size) for _ in range(2)]
    before = bench.ledger()
    for fd in fds:
        display.import_framebuffer(bench.task, fd)
    assert [entry.mappings[0].direction for entry in bench.ledger()] == ["TO_DEVICE"] * 2
    display.flip(0)
    display.flip(1)
    bench.run(ACTIVE // 2)
    display.disable()
    assert (bench.ledger(), display.buffers, display.shown) == (before, [], None)
    assert not display.flip_pending
    bench.run(3 * PERIOD)
    assert [record.fault for record in model(bench).frames.records] == ["stopped"]
    assert (display.frames_scanned, bench.kernel.log.warnings) == (0, [])


def test_the_display_can_be_enabled_again(bench: KernelBench, display: LcdifDriver) -> None:
    for _ in range(2):
        with_buffers(bench, display, 1)
        display.flip(0)
        bench.run(2 * PERIOD)
        display.disable()
    records = model(bench).frames.records
    assert sum(record.complete for record in records) == display.frames_scanned == 4


def test_shutdown_disables_the_display(bench: KernelBench, display: LcdifDriver) -> None:
    display.set_mode(SMALL)
    fd = bench.buffer(SMALL.buffer_size)
    display.import_framebuffer(bench.task, fd)
    display.flip(0)
    bench.kernel.shutdown()
    bench.task.files.close(fd)
    assert (bench.ledger(), bench.kernel.log.warnings) == ([], [])
