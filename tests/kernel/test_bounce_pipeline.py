"""The shipped camera-to-display pipeline copies nothing; a board that must bounce shows the counters work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from devices.camera.driver import CameraDriver
from devices.lcdif.driver import LcdifDriver
from heaps.carveout import CarveoutHeap
from soc.clock import SECOND
from soc.kernel.scatterlist import SgTable
from soc.picture import PictureFormat
from soc.scenario.pipeline import CameraToDisplay
from tests.kernel.rehearsal import Rehearsal

FRAMES, BUFFERS = 3, 2


def streamed(folder: Path, change: Callable[[str], str]) -> tuple[int, list[SgTable], Rehearsal]:
    """Bounce copies of the kernel while FRAMES frames went from camera to display, and the mappings."""
    board = Rehearsal(folder, change)
    kernel, region = board.kernel, next(r for r in board.machine.tree.reserved if r.label == "fb_pool")
    heap = CarveoutHeap(kernel, "fb_pool", region.base, region.size)
    camera, display = board.device("camera").driver, board.device("lcdif").driver
    assert isinstance(camera, CameraDriver) and isinstance(display, LcdifDriver)
    app = CameraToDisplay(kernel.process("app"), camera, display, FRAMES)
    picture = PictureFormat(64, 48, "XRGB8888")
    buffers = app.open(heap, BUFFERS, picture, picture, "bars")
    tables = [mapping.sgt for dmabuf in buffers for mapping in dmabuf.mappings]
    app.start()
    board.machine.run(kernel.clock.now + SECOND, app.done)
    assert app.done()
    app.close()
    assert kernel.swiotlb is not None
    return kernel.swiotlb.copies, tables, board


@pytest.mark.parametrize("bounced", [False, True], ids=["as shipped", "swiotlb=force without iommus"])
def test_the_pipeline_copies_nothing_unless_it_is_made_to(tmp_path: Path, bounced: bool) -> None:
    def change(text: str) -> str:
        if not bounced:
            return text
        for stream in ("0x10", "0x11"):
            assert (line := f"    iommus: [[*smmu, {stream}]]\n") in text
            text = text.replace(line, "")
        return text.replace("serial0:115200n8", "serial0:115200n8\n  bootargs: swiotlb=1024,force")

    copies, tables, board = streamed(tmp_path, change)
    assert len(tables) == 2 * BUFFERS
    assert [table.bounce_copies > 0 for table in tables] == [bounced] * len(tables)
    assert (copies > 0) is bounced
    assert copies == sum(table.bounce_copies for table in tables)
    board.close()
