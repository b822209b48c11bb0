"""2D transfers behind the SMMU: one translation, and a fault at the byte a row would have touched."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from soc.address import Iova
from soc.iommu.port import DmaAbort
from soc.kernel.scatterlist import DmaDirection
from soc.memory.rows import Rows
from tests.kernel.rehearsal import CAMERA, PAGE, Rehearsal

STRIDE = 3000


@pytest.fixture
def board() -> Iterator[Rehearsal]:
    made = Rehearsal()
    yield made
    made.close()


def mapped(board: Rehearsal, pages: int) -> Iova:
    """Scattered pages, mapped for the camera; the page after them is not."""
    domain = board.device("camera").iommu_domain
    assert domain is not None
    frames = board.kernel.memory.pages.alloc_pages(2 * pages)
    assert frames is not None
    return domain.map(frames[::-2].copy(), DmaDirection.BIDIRECTIONAL, "camera", "rows", 0)


def test_rows_arrive(board: Rehearsal) -> None:
    port, iova = board.port(CAMERA), mapped(board, 6)
    data = np.random.default_rng(5).integers(0, 256, (7, 1000), dtype=np.uint8)
    port.write_rows(iova, data, STRIDE)
    assert (port.read_rows(iova, Rows(1000, 7, STRIDE))[1] == data).all()
    assert (port.read(Iova(iova + 1000), STRIDE - 1000)[1] == 0).all()


@pytest.mark.parametrize(
    ("pages", "width", "at"),
    [
        (1, 1000, 2 * STRIDE),  # row 1 ends before the page does, row 2 begins in the one that is missing
        (1, 2000, PAGE),  # row 1 runs into it
        (2, 1000, 3 * STRIDE),
        (3, 1000, 3 * PAGE),
    ],
)
@pytest.mark.parametrize("write", [False, True])
def test_a_fault_is_at_the_first_byte_that_a_row_has_there(
    board: Rehearsal, pages: int, width: int, at: int, write: bool
) -> None:
    port, iova = board.port(CAMERA), mapped(board, pages)
    with pytest.raises(DmaAbort) as caught:
        if write:
            port.write_rows(iova, np.ones((8, width), dtype=np.uint8), STRIDE)
        else:
            port.read_rows(iova, Rows(width, 8, STRIDE))
    assert caught.value.iova == iova + at
    board.interrupts()
    assert [record.iova for record in board.smmu_driver.events] == [iova + at]
    assert port.master.traffic.total() == (0, 0)
