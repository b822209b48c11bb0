"""A DMA-330 that the SMMU holds at a fault: mended by the kernel, or not. The DMAC is not coherent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from soc.address import PAGE_SHIFT, Iova
from soc.kernel.dmaengine import DmaResult
from soc.kernel.iommu.domain import IommuFault
from soc.kernel.iommu.io_pgtable import Prot, leaf_attributes
from tests.devices.pl330_kernel import BOARD_NODE, FROM, TO, Buffer, mapped, run, with_pl330
from tests.kernel.rehearsal import PAGE, Rehearsal

IOMMU = "    iommus: [[*smmu, 0x12]]\n"
HOLE = 0x5000
"""An input address that nothing maps."""
LEAF = leaf_attributes(Prot.READ | Prot.WRITE, 1)
SMMU = "arm-smmu-v3 2b400000.iommu"


def change(text: str, can_stall: bool) -> str:
    text = with_pl330(text)
    assert IOMMU in BOARD_NODE
    assert text.count(IOMMU) == 1
    return text.replace(IOMMU, IOMMU + "    dma-can-stall: true\n") if can_stall else text


@pytest.fixture(params=[True, False], ids=["stall", "terminate"])
def any_board(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rehearsal]:
    board = Rehearsal(tmp_path, lambda text: change(text, request.param))
    yield board
    board.close()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Rehearsal]:
    board = Rehearsal(tmp_path, lambda text: change(text, can_stall=True))
    yield board
    board.close()


def mend(board: Rehearsal, buffer: Buffer, at: int, attributes: int = LEAF) -> list[IommuFault]:
    """Have the kernel map a page of `buffer` at `at` and on wherever one is missing; the faults it mends."""
    domain = board.device("dma").iommu_domain
    assert domain is not None
    faults: list[IommuFault] = []
    frames = buffer.sgt.frames()

    def handler(fault: IommuFault) -> int:
        faults.append(fault)
        page = fault.iova - at >> PAGE_SHIFT
        domain.table.map(fault.iova >> PAGE_SHIFT, frames[page : page + 1], attributes)
        return 0

    domain.fault_handler = handler
    return faults


def copy(board: Rehearsal, target: int, source: int, size: int) -> list[DmaResult]:
    results: list[DmaResult] = []
    channel = board.kernel.dma_engines.request_channel()
    descriptor = channel.prep_memcpy(target, source, size)
    descriptor.callback = results.append
    descriptor.submit()
    channel.issue_pending()
    run(board)
    return results


def told(faults: list[IommuFault]) -> list[tuple[Iova, bool, bool]]:
    return [(fault.iova, fault.write, fault.stalled) for fault in faults]


def test_writes_that_the_kernel_mends_are_retried(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 4), mapped(board, FROM, 4)
    data = source.fill(1)
    faults = mend(board, target, HOLE)
    assert copy(board, HOLE, source.address, source.size) == [DmaResult.NOERROR]
    assert told(faults) == [(HOLE + PAGE * page, True, True) for page in range(4)]
    assert np.array_equal(target.content(), data)
    assert board.kernel.log.warnings == []


def test_reads_that_the_kernel_mends_are_retried(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 4), mapped(board, FROM, 4)
    data = source.fill(2)
    faults = mend(board, source, HOLE)
    assert copy(board, target.address, HOLE, source.size) == [DmaResult.NOERROR]
    assert told(faults) == [(HOLE + PAGE * page, False, True) for page in range(4)]
    assert np.array_equal(target.content(), data)


def test_mending_without_a_stall_comes_too_late(tmp_path: Path) -> None:
    """The negative control: the handler maps the page, and the transfer is over."""
    board = Rehearsal(tmp_path, lambda text: change(text, can_stall=False))
    source, target = mapped(board, TO, 4), mapped(board, FROM, 4)
    source.fill(3)
    faults = mend(board, target, HOLE)
    assert copy(board, HOLE, source.address, source.size) == [DmaResult.WRITE_FAILED]
    assert told(faults) == [(HOLE, True, False)]
    board.close()


def test_a_stall_that_nobody_mends_is_terminated(board: Rehearsal) -> None:
    source = mapped(board, TO, 1)
    assert copy(board, HOLE, source.address, PAGE) == [DmaResult.WRITE_FAILED]
    lines = board.log()
    start = lines.index(f"{SMMU}: event 0x10 received:")
    assert lines[start : start + 5] == [
        f"{SMMU}: event 0x10 received:",
        f"{SMMU}: \t0x0000001200000010",
        f"{SMMU}: \t0x0000020080000000",
        f"{SMMU}: \t0x{HOLE:016x}",
        f"{SMMU}: \t0x0000000000000000",
    ]
    assert lines[start + 5 : start + 8] == [
        f"{SMMU}: event: F_TRANSLATION client: 30bd0000.dma-controller sid: 0x12 ssid: 0x0 "
        "iova: 0x5000 ipa: 0x0",
        f'{SMMU}: unpriv data write s1 "Input address caused fault" stall stag: 0x0',
        f"{SMMU}: F_TRANSLATION: stream 0x12 write at iova 0x5000; last owner: never mapped",
    ]
    assert lines[start + 8].startswith(
        "dma-pl330 30bd0000.dma-controller channel 0: data_write_err (FTR 0x20000)"
    )
    assert lines[start + 8].endswith("dar 0x5000")


def test_a_page_that_only_privileged_reads_reach(any_board: Rehearsal) -> None:
    """A debugger sees it, an engine does not: a loop that is moved as one stops before it."""
    source, target = mapped(any_board, TO, 8), mapped(any_board, FROM, 8)
    data = source.fill(4)
    domain = any_board.device("dma").iommu_domain
    assert domain is not None
    frames, first = source.sgt.frames(), HOLE >> PAGE_SHIFT
    for page in range(8):
        prot = Prot.READ | Prot.PRIVILEGED if page == 5 else Prot.READ
        domain.table.map(first + page, frames[page : page + 1], leaf_attributes(prot, 1))
    assert copy(any_board, target.address, HOLE, source.size) == [DmaResult.READ_FAILED]
    assert np.array_equal(target.content()[: 5 * PAGE], data[: 5 * PAGE])
    assert (
        f"{SMMU}: F_PERMISSION: stream 0x12 read at iova {HOLE + 5 * PAGE:#x}; last owner: never mapped"
        in (any_board.log())
    )
