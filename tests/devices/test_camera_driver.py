"""The camera driver on the rehearsal board, through registers only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from devices.camera.driver import CameraDriver
from devices.camera.hardware import Camera
from devices.camera.regs import TABLE
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection
from soc.picture import PictureFormat
from tests.devices.kernel_bench import MILLISECOND, PERIOD, KernelBench

SMALL = PictureFormat(64, 48, "XRGB8888")


@pytest.fixture
def bench() -> Iterator[KernelBench]:
    bench = KernelBench()
    yield bench
    bench.close()


@pytest.fixture
def camera(bench: KernelBench) -> CameraDriver:
    return bench.driver("camera", CameraDriver)


def model(bench: KernelBench) -> Camera:
    found = bench.machine.model("camera")
    assert isinstance(found, Camera)
    return found


def refused(errno: str, why: str) -> AbstractContextManager[object]:
    return pytest.raises(KernelError, match=f"^-{errno}: {why}$")


def test_probe_checks_the_id_resets_and_logs(bench: KernelBench, camera: CameraDriver) -> None:
    assert "[    0.000000] dmabuf-soc-camera 32e20000.camera: registered" in bench.kernel.log.lines()
    recorder = bench.record("camera", TABLE)
    camera.probe()
    assert recorder.writes == [("CTRL", 1 << 31)]
    model(bench).regs.set("ID", 0x12345678)
    with refused("ENODEV", "unexpected ID 0x12345678"):
        camera.probe()


def test_the_driver_writes_these_registers_in_this_order(bench: KernelBench, camera: CameraDriver) -> None:
    recorder = bench.record("camera", TABLE)
    camera.set_format(PictureFormat(64, 48, "NV12"), "checker")
    index = camera.import_buffer(bench.task, bench.buffer(8192))
    camera.queue(index)
    camera.start(2)
    iova = camera.buffers[index].iova
    assert recorder.writes == [
        ("FORMAT", 1),
        ("SIZE", 48 << 16 | 64),
        ("STRIDE", 64),
        ("STRIDE_UV", 64),
        ("PATTERN", 2),
        ("BUF_ADDR", iova),
        ("BUF_ADDR_UV", iova + 64 * 48),
        ("QUEUE", 1),
        ("IRQ_ENABLE", 7),
        ("CTRL", 1),
    ]


def test_frames_come_in_the_order_of_queueing_and_then_the_camera_stops(
    bench: KernelBench, camera: CameraDriver
) -> None:
    camera.set_format(SMALL)
    for _ in range(3):
        camera.import_buffer(bench.task, bench.buffer(SMALL.buffer_size))
    for index in (2, 0, 1):
        camera.queue(index)
    frames: list[tuple[int, int]] = []
    camera.on_frame = lambda index, number: frames.append((index, number))
    touched = bench.kernel.cpu.traffic.total()
    camera.start(3)
    bench.run(6 * PERIOD)
    assert frames == [(2, 0), (0, 1), (1, 2)]
    assert bench.kernel.cpu.traffic.total() == touched
    assert (camera.errors, camera.overruns) == (0, 0)
    assert model(bench).regs.get("CTRL") == 0
    assert bench.kernel.log.warnings == []


def test_more_buffers_than_the_hardware_queues_wait_in_the_driver(
    bench: KernelBench, camera: CameraDriver
) -> None:
    camera.set_format(SMALL)
    for index in range(7):
        camera.import_buffer(bench.task, bench.buffer(SMALL.buffer_size))
        camera.queue(index)
    frames: list[int] = []
    camera.on_frame = lambda index, number: frames.append(index)
    camera.start(7)
    bench.run(9 * PERIOD)
    assert (frames, camera.overruns) == (list(range(7)), 0)


def test_a_frame_without_a_buffer_is_counted_as_overrun(bench: KernelBench, camera: CameraDriver) -> None:
    camera.set_format(SMALL)
    camera.import_buffer(bench.task, bench.buffer(SMALL.buffer_size))
    camera.start(1)
    bench.run(2 * PERIOD - MILLISECOND)
    assert (camera.overruns, camera.errors) == (2, 0)
    camera.queue(0)
    frames: list[tuple[int, int]] = []
    camera.on_frame = lambda index, number: frames.append((index, number))
    bench.run(3 * PERIOD)
    assert (frames, camera.overruns) == ([(0, 0)], 2)


def test_a_fault_costs_the_buffer_and_the_stream_goes_on(bench: KernelBench, camera: CameraDriver) -> None:
    camera.set_format(SMALL)
    for index in range(2):
        camera.import_buffer(bench.task, bench.buffer(SMALL.buffer_size))
        camera.queue(index)
    frames: list[tuple[int, int]] = []
    camera.on_frame = lambda index, number: frames.append((index, number))
    camera.buffers[0].unmap()
    camera.start(1)
    bench.run(3 * PERIOD)
    assert (frames, camera.errors) == ([(1, 0)], 1)
    records = model(bench).frames.records
    assert [(record.fault, record.complete) for record in records] == [("F_TRANSLATION", False), (None, True)]
    camera.buffers[0].map()
    camera.queue(0)


@pytest.mark.parametrize(
    ("picture", "pattern", "why"),
    [
        (PictureFormat(64, 48, "RGB565"), "bars", "the camera does not make RGB565 or 'bars'"),
        (SMALL, "snow", "the camera does not make XRGB8888 or 'snow'"),
        (PictureFormat(0, 48, "XRGB8888"), "bars", "the camera does not make 0x48 XRGB8888"),
        (PictureFormat(8193, 48, "XRGB8888"), "bars", "the camera does not make 8193x48 XRGB8888"),
        (PictureFormat(64, 70000, "XRGB8888"), "bars", "the camera does not make 64x70000 XRGB8888"),
        (PictureFormat(63, 48, "NV12"), "bars", "the camera does not make 63x48 NV12"),
        (PictureFormat(64, 47, "NV12"), "bars", "the camera does not make 64x47 NV12"),
    ],
)
def test_formats_the_camera_does_not_have(
    bench: KernelBench, camera: CameraDriver, picture: PictureFormat, pattern: str, why: str
) -> None:
    recorder = bench.record("camera", TABLE)
    with refused("EINVAL", why):
        camera.set_format(picture, pattern)
    assert recorder.writes == []


@pytest.mark.parametrize("picture", [PictureFormat(8192, 1, "XRGB8888"), PictureFormat(2, 8192, "NV12")])
def test_the_largest_sides(camera: CameraDriver, picture: PictureFormat) -> None:
    camera.set_format(picture)


def test_a_format_cannot_change_under_imported_buffers(bench: KernelBench, camera: CameraDriver) -> None:
    camera.set_format(SMALL)
    camera.import_buffer(bench.task, bench.buffer(SMALL.buffer_size))
    with refused("EBUSY", "buffers are imported for the present format"):
        camera.set_format(SMALL)
    camera.stop()
    camera.set_format(SMALL)


def test_import_without_a_format_or_of_what_is_no_buffer(bench: KernelBench, camera: CameraDriver) -> None:
    fd = bench.buffer(4096)
    with refused("EINVAL", "no format is set"):
        camera.import_buffer(bench.task, fd)
    camera.set_format(SMALL)
    with refused("EBADF", r"app \(pid 100\) has no open fd 9"):
        camera.import_buffer(bench.task, 9)


def test_a_buffer_that_is_too_small_leaves_nothing_behind(bench: KernelBench, camera: CameraDriver) -> None:
    camera.set_format(SMALL)
    fd = bench.buffer(SMALL.size - 4096)
    before = bench.ledger()
    with refused("EINVAL", r"a buffer of 8192 bytes is too small for 64x48 XRGB8888 \(12288\)"):
        camera.import_buffer(bench.task, fd)
    assert (bench.ledger(), camera.buffers) == (before, [])
    assert bench.kernel.log.warnings == []


def test_queue_refuses_what_is_queued_and_what_is_not_there(bench: KernelBench, camera: CameraDriver) -> None:
    camera.set_format(SMALL)
    for index in range(6):
        camera.import_buffer(bench.task, bench.buffer(SMALL.buffer_size))
        camera.queue(index)
    for index in (0, 5):
        with refused("EBUSY", f"buffer {index} is queued already"):
            camera.queue(index)
    for index in (-1, 6):
        with refused("EINVAL", f"the camera has no buffer {index}"):
            camera.queue(index)


def test_start_wants_at_least_one_frame(bench: KernelBench, camera: CameraDriver) -> None:
    recorder = bench.record("camera", TABLE)
    with refused("EINVAL", "0 frames were asked for"):
        camera.start(0)
    assert recorder.writes == []


def test_stop_in_mid_frame_gives_everything_back(bench: KernelBench, camera: CameraDriver) -> None:
    camera.set_format(SMALL)
    fds = [bench.buffer(SMALL.buffer_size) for _ in range(6)]
    before = bench.ledger()
    for fd in fds:
        camera.queue(camera.import_buffer(bench.task, fd))
    during = bench.ledger()
    assert [entry.attachments for entry in during] == [("32e20000.camera",)] * 6
    assert {entry.mappings[0].direction for entry in during} == {DmaDirection.FROM_DEVICE.name}
    camera.start(5)
    bench.run(PERIOD + PERIOD // 2)
    camera.stop()
    assert (bench.ledger(), camera.buffers) == (before, [])
    bench.run(3 * PERIOD)
    assert [record.fault for record in model(bench).frames.records] == [None, "reset"]
    assert (camera.errors, camera.overruns, bench.kernel.log.warnings) == (0, 0, [])


def test_shutdown_stops_the_camera(bench: KernelBench, camera: CameraDriver) -> None:
    camera.set_format(SMALL)
    fd = bench.buffer(SMALL.buffer_size)
    camera.queue(camera.import_buffer(bench.task, fd))
    camera.start(1)
    bench.kernel.shutdown()
    bench.task.files.close(fd)
    assert (bench.ledger(), bench.kernel.log.warnings) == ([], [])
