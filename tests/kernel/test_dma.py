"""The DMA API: segments, errno, and permissions enforced by the SMMU of the board."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.address import Iova
from soc.iommu.port import DmaAbort
from soc.kernel.dma import dma_map_sgtable, dma_unmap_sgtable
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection, SgTable
from tests.kernel.rehearsal import CAMERA, DISPLAY, PAGE, Rehearsal, pattern

TO, FROM, BOTH, NONE = (
    DmaDirection.TO_DEVICE,
    DmaDirection.FROM_DEVICE,
    DmaDirection.BIDIRECTIONAL,
    DmaDirection.NONE,
)


@pytest.fixture
def board():
    board = Rehearsal()
    yield board
    board.close()


def direct_device(dma_mask: int = 32) -> Any:
    return SimpleNamespace(name="dma", dma_mask=dma_mask, iommu_domain=None, kernel=SimpleNamespace())


def refused(errno: int, why: str, *arguments: Any) -> None:
    with pytest.raises(KernelError) as caught:
        dma_map_sgtable(*arguments)
    assert (caught.value.errno, caught.value.why) == (errno, why)


# --- behind the IOMMU -------------------------------------------------------


def test_scattered_memory_is_one_segment_for_a_device_without_limits(board):
    device, sgt = board.device("camera"), board.buffer(3, 1, 2)
    dma_map_sgtable(device, sgt, BOTH)
    assert (sgt.orig_nents, sgt.nents, sgt.dma_length.tolist()) == (3, 1, [6 * PAGE])
    data = pattern(sgt.size)
    span = board.port(CAMERA).write(Iova(int(sgt.dma_address[0])), data)
    assert span.frames.tolist() == sgt.frames().tolist()
    parts = [board.machine.dram.view(a, n).tobytes() for a, n in zip(sgt.starts, sgt.lengths, strict=True)]
    assert b"".join(parts) == data.tobytes()


@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=6),
    st.sampled_from([PAGE, 2 * PAGE, 3 * PAGE, 16 * PAGE, 0xFFFF_FFFF]),
    st.sampled_from([0xFFFF, 0x3FFF, 0xFFFF_FFFF]),
)
def test_segments_obey_the_device(runs, max_segment, boundary):
    base = Iova(0x4321_0000)
    domain = SimpleNamespace(map=lambda frames, *_: base)
    device = cast(
        Any,
        SimpleNamespace(
            name="dma",
            dma_mask=32,
            iommu_domain=domain,
            kernel=SimpleNamespace(clock=SimpleNamespace(now=0)),
            max_segment_size=max_segment,
            segment_boundary=boundary,
        ),
    )
    sgt = SgTable.of([(0x8000_0000 + at * 0x10_0000, pages * PAGE) for at, pages in enumerate(runs)])
    dma_map_sgtable(device, sgt, TO)
    segments = list(zip(sgt.dma_address.tolist(), sgt.dma_length.tolist(), strict=True))
    assert segments[0][0] == base
    assert sum(length for _, length in segments) == sum(runs) * PAGE
    assert all(start + length == after for (start, length), (after, _) in pairwise(segments))
    assert sgt.nents <= sgt.orig_nents
    edges = {base + sum(runs[:n]) * PAGE for n in range(len(runs) + 1)}
    assert {start for start, _ in segments} <= edges, "an entry was split"
    for start, length in segments:
        entries = sum(start < edge < start + length for edge in edges) + 1
        within = length <= max_segment and start & ~boundary == (start + length - 1) & ~boundary
        assert within or entries == 1
    for start, length in segments[:-1]:
        first_of_more = min(edge for edge in edges if edge > start + length) - start
        joined = first_of_more <= max_segment and start & ~boundary == (start + first_of_more - 1) & ~boundary
        assert not joined, "neighbours that the device could take as one were not joined"


@pytest.mark.parametrize(
    ("direction", "reads", "writes"), [(TO, True, False), (FROM, True, True), (BOTH, True, True)]
)
def test_the_direction_is_the_permission(board, direction, reads, writes):
    """Stage 1 has no write-only pages, so FROM_DEVICE can be read too."""
    sgt, port = board.buffer(2), board.port(DISPLAY)
    dma_map_sgtable(board.device("lcdif"), sgt, direction, "frame-0")
    iova = Iova(int(sgt.dma_address[0]))
    assert reads
    port.read(iova, sgt.size)
    if writes:
        port.write(iova, pattern(sgt.size))
        return
    with pytest.raises(DmaAbort) as caught:
        port.write(iova, pattern(sgt.size))
    assert str(caught.value) == f"stream 0x10: write at iova {iova:#x} aborted: F_PERMISSION"
    assert not board.machine.dram.view(sgt.starts[0], sgt.size).any()


def test_past_the_end_and_after_unmap_the_device_faults(board):
    sgt, port, device = board.buffer(1, 2), board.port(DISPLAY), board.device("lcdif")
    dma_map_sgtable(device, sgt, TO, "frame-0")
    iova = Iova(int(sgt.dma_address[0]))
    port.read(iova, 3 * PAGE)
    with pytest.raises(DmaAbort, match="F_TRANSLATION") as caught:
        port.read(iova, 3 * PAGE + 1)
    assert caught.value.iova == iova + 3 * PAGE
    dma_unmap_sgtable(device, sgt, TO)
    assert sgt.nents == 0
    with pytest.raises(DmaAbort, match="F_TRANSLATION"):
        port.read(iova, 1)
    board.interrupts()
    assert board.log()[-1] == (
        f"arm-smmu-v3 2b400000.iommu: F_TRANSLATION: stream 0x10 read at iova {iova:#x}; last owner: "
        f"32e00000.lcdif's mapping of frame-0 at {iova:#x}..{iova + 3 * PAGE - 1:#x}, unmapped at 0.000000 s"
    )


def test_a_large_range_is_forgotten_too(board):
    """More pages than are invalidated one by one."""
    sgt, port, device = board.buffer(64), board.port(DISPLAY), board.device("lcdif")
    dma_map_sgtable(device, sgt, TO)
    iova = Iova(int(sgt.dma_address[0]))
    port.read(iova, sgt.size)
    dma_unmap_sgtable(device, sgt, TO)
    for page in range(64):
        with pytest.raises(DmaAbort, match="F_TRANSLATION"):
            port.read(Iova(iova + page * PAGE), 1)


def test_an_address_may_be_used_again_after_unmap(board):
    device, port = board.device("lcdif"), board.port(DISPLAY)
    one, two = board.buffer(1), board.buffer(1)
    dma_map_sgtable(device, one, TO)
    iova = Iova(int(one.dma_address[0]))
    port.read(iova, 4)
    dma_unmap_sgtable(device, one, TO)
    dma_map_sgtable(device, two, TO)
    assert two.dma_address.tolist() == [iova]
    assert port.read(iova, 4)[0].address == two.starts[0]


# --- errno ------------------------------------------------------------------


def test_what_cannot_be_mapped_at_all(board):
    device, sgt = board.device("lcdif"), board.buffer(1)
    name = "32e00000.lcdif"
    refused(22, f"{name}: nothing to map or no direction", device, sgt, NONE)
    refused(22, f"{name}: nothing to map or no direction", device, SgTable.of([]), TO)
    refused(22, f"{name}: nothing to map or no direction", device, SgTable.of([(0x8800_0000, 0)]), TO)
    for start, length in ((0x8800_0010, PAGE), (0x8800_0000, PAGE - 16)):
        refused(22, f"{name}: the IOMMU maps whole pages only", device, SgTable.of([(start, length)]), TO)
    dma_map_sgtable(device, sgt, TO)
    refused(22, f"{name}: the sg_table is mapped already", device, sgt, TO)


def test_without_iova_space_or_tables_nothing_is_taken(board, monkeypatch):
    device, domain = board.device("lcdif"), board.device("lcdif").iommu_domain
    device.dma_mask = 14
    sgt = board.buffer(4)
    refused(12, "no IOVA space left for 16384 bytes", device, sgt, TO)
    device.dma_mask = 32

    def no_pages(count: int) -> int:
        raise KernelError(12, f"no {count} contiguous free pages")

    with monkeypatch.context() as patch:
        patch.setattr(board.kernel.memory, "alloc_pages", no_pages)
        refused(12, "no 1 contiguous free pages", device, sgt, TO)
    assert (sgt.nents, domain.live_mappings) == (0, [])
    dma_map_sgtable(device, sgt, TO)
    assert sgt.dma_address.tolist() == [0xFFFF_C000]


def test_the_device_mask_limits_the_iova(board):
    device, sgt = board.device("lcdif"), board.buffer(2)
    device.dma_mask = 24
    dma_map_sgtable(device, sgt, TO)
    assert sgt.dma_address.tolist() == [(1 << 24) - 2 * PAGE]


def test_direct_addresses_are_physical_and_checked_against_the_mask():
    sgt = SgTable.of([(0x8000_0000, PAGE), (0xFFFF_F000, PAGE)])
    dma_map_sgtable(direct_device(), sgt, TO)
    assert (sgt.dma_address.tolist(), sgt.dma_length.tolist()) == ([0x8000_0000, 0xFFFF_F000], [PAGE, PAGE])
    high = SgTable.of([(0x8000_0000, PAGE), (0xFFFF_F000, 2 * PAGE)])
    refused(5, "dma: 0x100000fff is beyond the 32-bit DMA mask", direct_device(), high, TO)
    assert high.nents == 0
    dma_map_sgtable(direct_device(33), high, TO)


def test_unmap_of_what_is_not_mapped_is_a_warning(board):
    device, sgt = board.device("lcdif"), board.buffer(1)
    dma_unmap_sgtable(device, sgt, TO)
    assert board.kernel.log.warnings == [
        "DMA-API: 32e00000.lcdif: device driver tries to free DMA memory it has not allocated"
    ]
