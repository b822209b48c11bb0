"""Scenarios and boards that do not fit together, and the rig's questions to the hardware."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from devices.drivers import DRIVERS
from soc.address import Iova
from soc.errors import BadInput
from soc.kernel.kernel import Kernel
from soc.kernel.scatterlist import DmaDirection
from soc.scenario.rig import Rig, frames_of
from tests.scenario.writing import BOARD, load, run

REGIONS = "fw_region, cma_pool, fb_pool, shared_pool"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(load(tmp_path), lambda shown: None)
    yield rig
    rig.close()


@pytest.mark.parametrize(
    ("changes", "line", "problem"),
    [
        ({"source": "cam"}, 3, "source must be an enabled camera: the board has no node 'cam'"),
        ({"source": "lcdif"}, 3, "source must be an enabled camera: /soc/lcdif@32e00000 is none"),
        ({"sink": "/soc/panel"}, 4, "sink must be an enabled lcdif: the board has no node '/soc/panel'"),
        (
            {"sink": "fb_pool"},
            4,
            "sink must be an enabled lcdif: /reserved-memory/framebuffer@b0000000 is none",
        ),
        (
            {"kernel": "{heap: video, buffers: 3}"},
            8,
            "there is no heap 'video'; "
            f"reserved regions: {REGIONS}; dma-heaps: system, linux,cma@a0000000, negotiated",
        ),
        (
            {"kernel": None, "firmware": "{image: none.elf, buffers: video}"},
            8,
            f"the board has no reserved region 'video'; it has: {REGIONS}",
        ),
    ],
)
def test_what_the_board_does_not_have(
    tmp_path: Path, changes: dict[str, str | None], line: int, problem: str
) -> None:
    with pytest.raises(BadInput) as caught:
        run(tmp_path, **changes)
    assert str(caught.value) == f"{tmp_path}/small.yaml:{line}: {problem}"


@pytest.mark.parametrize(
    ("change", "line", "problem"),
    [
        (
            ("dmabuf-soc,camera", "vendor,camera"),
            3,
            "source must be an enabled camera: /soc/camera@32e20000 is none",
        ),
        (
            ("compatible: dmabuf-soc,camera", 'compatible: dmabuf-soc,camera\n    status: "disabled"'),
            3,
            "source must be an enabled camera: /soc/camera@32e20000 is disabled",
        ),
        (
            ("    interrupts: [[spi, 16, level-high]]\n", ""),
            3,
            "no dmabuf-soc-camera driver bound to 'camera': -EINVAL: 32e20000.camera: no interrupt 0",
        ),
    ],
)
def test_boards_on_which_the_scenario_cannot_run(
    tmp_path: Path, change: tuple[str, str], line: int, problem: str
) -> None:
    text = BOARD.read_text(encoding="utf-8")
    assert change[0] in text
    board = tmp_path / "board.yaml"
    board.write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        run(tmp_path, board="board.yaml")
    assert str(caught.value) == f"{tmp_path}/small.yaml:{line}: {problem}"


def test_a_board_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    for board in ("none.yaml", "a" * 5000, "."):
        with pytest.raises(BadInput, match=r"small.yaml:2: there is no board /"):
            run(tmp_path, board=board)


def test_source_and_sink_may_be_paths(tmp_path: Path) -> None:
    result = run(tmp_path, source="/soc/camera@32e20000", sink="/soc/lcdif@32e00000").result
    assert result.reasons == []


def test_an_unknown_bug_is_refused_before_the_board_is_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=rf"^{tmp_path}/small.yaml:8: bugs must be from "):
        run(tmp_path, kernel="{heap: fb_pool, buffers: 3, bugs: [x]}", board="none.yaml")


def test_a_region_is_found_by_label_or_name(rig: Rig) -> None:
    where = rig.scenario.where["source"]
    region = rig.region("fb_pool", where)
    assert rig.region("framebuffer@b0000000", where) is region
    frames = frames_of(region)
    assert (frames[0], frames[-1], len(frames)) == (0xB0000, 0xB3FFF, 0x4000)


def test_the_pages_of_a_mapping_are_what_the_smmu_says(rig: Rig) -> None:
    kernel = Kernel(rig.machine, DRIVERS)
    kernel.boot()
    display, uart = rig.machine.tree.find("lcdif"), rig.machine.tree.find("uart")
    assert display is not None and uart is not None
    domain = kernel.device(display).iommu_domain
    assert domain is not None
    frames = np.array([0xB0005, 0xB0001, 0xB0009], dtype=np.int64)
    iova = domain.map(frames, DmaDirection.TO_DEVICE, "lcdif", "a test", 0)
    assert rig.pages(display, iova, 3 * 4096).tolist() == frames.tolist()
    assert rig.pages(display, Iova(iova + 4096), 4096).tolist() == [0xB0001]
    assert len(rig.pages(display, iova, 4 * 4096)) == 0
    domain.unmap(iova, 0)
    assert len(rig.pages(display, iova, 4096)) == 0
    assert rig.pages(uart, Iova(0x8000_0800), 0x1000).tolist() == [0x80000, 0x80001]
    assert rig.faults == []


def test_equal_stream_ids_of_two_iommus_are_told_apart(tmp_path: Path) -> None:
    """The display stands behind an SMMU of its own, with the camera's stream id."""
    second = """  iommu@2b500000: &smmu2
    compatible: "arm,smmu-v3"
    reg: [[0x2b500000, 0x20000]]
    '#iommu-cells': 1
    interrupts: [[spi, 84, edge-rising], [spi, 89, edge-rising], [spi, 85, edge-rising]]
    interrupt-names: [eventq, gerror, cmdq-sync]

"""
    serial = "  serial@30860000: &uart\n"
    text = BOARD.read_text(encoding="utf-8")
    assert serial in text and "[[*smmu, 0x10]]" in text
    text = text.replace(serial, second + serial).replace("[[*smmu, 0x10]]", "[[*smmu2, 0x11]]")
    (tmp_path / "board.yaml").write_text(text, encoding="utf-8")
    clean = run(tmp_path, board="board.yaml").result
    assert (clean.verdict, clean.reasons) == ("proven", [])
    kernel = "{heap: fb_pool, buffers: 3, sink-lines: 2049, bugs: [display-skips-size-check]}"
    picture = "{width: 16, height: 2048, format: XRGB8888}"
    fault = run(tmp_path, board="board.yaml", picture=picture, kernel=kernel).result.faults[0]
    assert (fault.device, fault.stream, fault.access) == ("lcdif@32e00000", 0x11, "read")
    assert "32e00000.lcdif's mapping of dma-buf 1" in fault.last_owner
