"""IOMMU domains: who shares one, and what the IOMMU's driver is asked to do."""

from __future__ import annotations

import numpy as np
import pytest

from soc.address import Iova
from soc.iommu.port import DmaAbort
from soc.kernel.dma import dma_map_sgtable, dma_unmap_sgtable
from soc.kernel.errors import KernelError
from soc.kernel.iommu.domain import IommuDomain
from soc.kernel.scatterlist import DmaDirection
from soc.mmu.tables import PageTable
from tests.kernel.rehearsal import CAMERA, DISPLAY, PAGE, Rehearsal
from tests.mmu.test_tables import Pool

TO, BOTH = DmaDirection.TO_DEVICE, DmaDirection.BIDIRECTIONAL


class Ops:
    """Writes down what the core asks for."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def attach_domain(self, stream: int, domain: IommuDomain) -> None:
        self.asked.append(("attach", stream))

    def invalidate(self, domain: IommuDomain, iova: Iova, size: int) -> None:
        cleared = not domain.table._leaf_table(iova >> 21)[iova >> 12 & 511]
        self.asked.append(("invalidate", iova, size, cleared))


@pytest.fixture
def board(tmp_path):
    """The rehearsal board with camera and display on one stream."""
    board = Rehearsal(tmp_path, lambda text: text.replace("[[*smmu, 0x11]]", "[[*smmu, 0x10]]"))
    yield board
    board.close()


def domain() -> tuple[Ops, IommuDomain]:
    ops = Ops()
    return ops, IommuDomain(ops, Pool().table(1), 1)


def test_unmap_clears_the_table_before_it_invalidates_and_frees_the_iova_last():
    ops, space = domain()
    iova = space.map(np.array([5, 6]), TO, "lcdif", "frame-0", now=10)
    assert [owner.describe() for owner in space.live_mappings] == [
        f"lcdif's mapping of frame-0 at {iova:#x}..{iova + 0x1FFF:#x}"
    ]
    space.unmap(iova, now=20)
    assert ops.asked == [("invalidate", iova, 2 * PAGE, True)]
    assert space.live_mappings == []
    assert space.history.last_owner(iova).endswith("unmapped at 0.000000 s")
    assert space.map(np.array([7, 8]), TO, "lcdif", "frame-1", now=30) == iova


@pytest.mark.parametrize("offset", [PAGE, -PAGE, 8])
def test_unmap_wants_the_start_of_a_mapping(offset):
    _, space = domain()
    iova = space.map(np.array([5, 6]), TO, "lcdif", "frame-0", now=10)
    with pytest.raises(ValueError, match="not mapped") as caught:
        space.unmap(Iova(iova + offset), now=20)
    assert str(caught.value) == f"{iova + offset:#x} is not mapped"
    assert len(space.live_mappings) == 1


def test_a_table_that_cannot_grow_gives_the_iova_back():
    pool = Pool(pages=3)
    space = IommuDomain(Ops(), PageTable(pool.allocate, pool.free.append, pool.view), 1)
    spare = pool.free.pop()
    for _ in range(2):
        with pytest.raises(KernelError, match="no page"):
            space.map(np.array([5]), TO, "lcdif", "frame-0", now=0)
    pool.free.append(spare)
    assert space.map(np.array([5]), TO, "lcdif", "frame-0", now=0) == 0xFFFF_F000


def test_devices_of_one_stream_share_a_domain(board):
    camera, display = board.device("camera"), board.device("lcdif")
    assert camera.iommu_domain is display.iommu_domain is not None
    one, two = board.buffer(1), board.buffer(1)
    dma_map_sgtable(camera, one, BOTH)
    dma_map_sgtable(display, two, TO)
    assert one.dma_address[0] != two.dma_address[0]
    span, _ = board.port(DISPLAY).read(Iova(int(one.dma_address[0])), 4)
    assert span.address == one.starts[0], "a mapping made for one is visible to the other"


def test_devices_of_different_streams_do_not():
    board = Rehearsal()
    camera, display = board.device("camera"), board.device("lcdif")
    assert camera.iommu_domain is not display.iommu_domain
    assert camera.iommu_domain.asid != display.iommu_domain.asid
    sgt = board.buffer(1)
    dma_map_sgtable(camera, sgt, BOTH)
    iova = Iova(int(sgt.dma_address[0]))
    board.port(CAMERA).read(iova, 4)
    with pytest.raises(DmaAbort, match="stream 0x10: read at iova .* aborted: F_TRANSLATION"):
        board.port(DISPLAY).read(iova, 4)
    board.close()


def test_all_streams_of_a_device_share_its_domain(tmp_path):
    board = Rehearsal(
        tmp_path, lambda text: text.replace("[[*smmu, 0x11]]", "[[*smmu, 0x11], [*smmu, 0x20]]")
    )
    camera, sgt = board.device("camera"), board.buffer(1)
    dma_map_sgtable(camera, sgt, BOTH)
    iova = Iova(int(sgt.dma_address[0]))
    for stream in (0x11, 0x20):
        assert board.port(stream).read(iova, 4)[0].address == sgt.starts[0]
    dma_unmap_sgtable(camera, sgt, BOTH)
    for stream in (0x11, 0x20):
        with pytest.raises(DmaAbort, match="F_TRANSLATION"):
            board.port(stream).read(iova, 4)
    board.close()


def test_a_stream_the_iommu_refuses_leaves_the_device_on_direct_addresses(tmp_path):
    """The classic surprise of Linux: any failure but -EPROBE_DEFER goes on without the IOMMU."""
    board = Rehearsal(tmp_path, lambda text: text.replace("[[*smmu, 0x11]]", "[[*smmu, 0x1ff]]"))
    assert board.device("camera").iommu_domain is None
    assert (
        "platform 32e20000.camera: no IOMMU, direct addresses: -EINVAL: "
        "stream 0x1ff is beyond the table's 256 entries"
    ) in board.log()
    board.close()
