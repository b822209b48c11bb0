"""The DMA-330's driver on the rehearsal board, behind its SMMU: copies and faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from devices.drivers import DRIVERS
from devices.pl330.assembler import go
from devices.pl330.driver import Pl330Driver
from devices.smmuv3.driver import Smmuv3Driver
from soc.address import Iova
from soc.kernel.dmaengine import DmaChannel, DmaResult, DmaStatus
from soc.memory.rows import Rows
from soc.memory.span import PageSpan
from tests.devices.pl330_kernel import FROM, MILLISECOND, TO, driver, mapped, model, refused, run, with_pl330
from tests.kernel.rehearsal import PAGE, Rehearsal

Make = Callable[..., Rehearsal]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Rehearsal] = []

    def build(change: Callable[[str], str] = with_pl330, **options: object) -> Rehearsal:
        made.append(Rehearsal(tmp_path, change, **options))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for board in made:
        board.close()


@pytest.fixture
def board(make: Make) -> Rehearsal:
    return make()


# --- probe -----------------------------------------------------------------------


def test_probe(board: Rehearsal) -> None:
    assert "dma-pl330 30bd0000.dma-controller: 8 channels, 1024 bytes of buffer" in board.log()
    assert len(driver(board).channels) == 8
    assert board.kernel.log.warnings == []


def test_probe_refuses_another_part(board: Rehearsal) -> None:
    model(board).regs.set("periph_id_0", 0x31)
    with refused("EINVAL", "peripheral id 0x341331 is no DMA-330"):
        driver(board).probe()


def test_no_channel_before_there_is_a_controller(make: Make) -> None:
    board = make(with_pl330, drivers=[kind for kind in DRIVERS if kind is not Pl330Driver])
    with refused("EPROBE_DEFER", "no DMA controller has been registered"):
        board.kernel.dma_engines.request_channel()


# --- copies ----------------------------------------------------------------------


def test_memcpy_between_scattered_buffers(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 3, 16, 1, 8), mapped(board, FROM, 4, 4, 4, 4, 4, 8)
    assert source.size == target.size == 28 * PAGE
    data = source.fill(1)
    results: list[DmaResult] = []
    channel = board.kernel.dma_engines.request_channel()
    descriptor = channel.prep_memcpy(target.address, source.address, source.size)
    descriptor.callback = results.append
    cookie = descriptor.submit()
    run(board, MILLISECOND)
    assert (results, channel.tx_status(cookie).status) == ([], DmaStatus.IN_PROGRESS)
    assert channel.tx_status(cookie).residue == source.size
    channel.issue_pending()
    run(board)
    assert (results, channel.tx_status(cookie).status) == ([DmaResult.NOERROR], DmaStatus.COMPLETE)
    assert np.array_equal(target.content(), data)
    assert board.kernel.log.warnings == []
    source.unmap()
    target.unmap()


def test_a_large_copy_is_a_few_transfers(board: Rehearsal) -> None:
    """8 MiB; the bus counts the bytes, and the host's time goes into few calls."""
    source, target = mapped(board, TO, 1024, 1024), mapped(board, FROM, 1024, 1024)
    data = source.fill(2)
    channel = board.kernel.dma_engines.request_channel()
    port = board.machine.dma_port(board.device("dma").node)
    sizes: list[int] = []
    span = port.span

    def counted(iova: Iova, size: int, write: bool, rows: Rows | None = None) -> PageSpan:
        sizes.append(size)
        return span(iova, size, write, rows)

    port.span = counted  # type: ignore[method-assign]
    channel.prep_memcpy(target.address, source.address, source.size).submit()
    channel.issue_pending()
    run(board, 40 * MILLISECOND)
    assert np.array_equal(target.content(), data)
    assert max(sizes) >= 1 << 17
    assert len(sizes) < 200
    assert board.kernel.log.warnings == []


SIZES = (1, 7, 8, 127, 128, 129, 4096, 5000, 128 * 256 + 13, 128 * 257, 128 * 512)
OFFSETS = ((0, 0), (8, 16), (4, 12), (1, 3), (0, 5))


@pytest.mark.parametrize(("from_offset", "to_offset"), OFFSETS)
def test_every_length_and_alignment(board: Rehearsal, from_offset: int, to_offset: int) -> None:
    source, target = mapped(board, TO, 16, 4), mapped(board, FROM, 8, 16)
    data, channel = source.fill(3), board.kernel.dma_engines.request_channel()
    for size in SIZES:
        expected = target.fill(4)
        channel.prep_memcpy(target.address + to_offset, source.address + from_offset, size).submit()
        channel.issue_pending()
        run(board)
        expected[to_offset : to_offset + size] = data[from_offset : from_offset + size]
        assert np.array_equal(target.content(), expected)


def test_without_an_iommu_addresses_are_physical(make: Make) -> None:
    board = make(lambda text: with_pl330(text).replace("    iommus: [[*smmu, 0x12]]\n", ""))
    source, target = mapped(board, TO, 4), mapped(board, FROM, 4)
    assert source.address == int(source.sgt.starts[0])
    data = source.fill(5)
    channel = board.kernel.dma_engines.request_channel()
    channel.prep_memcpy(target.address, source.address, source.size).submit()
    channel.issue_pending()
    run(board)
    assert np.array_equal(target.content(), data)


@pytest.mark.parametrize(
    "lines", ["[[spi, 34, level-high]]", ", ".join(f"[spi, {34 + n}, level-high]" for n in range(9))]
)
def test_one_interrupt_and_nine(make: Make, lines: str) -> None:
    interrupts = lines if lines.startswith("[[") else f"[{lines}]"
    old = "[[spi, 34, level-high], [spi, 35, level-high]]"
    board = make(lambda text: with_pl330(text).replace(old, interrupts))
    source, target = mapped(board, TO, 4), mapped(board, FROM, 4)
    results: list[DmaResult] = []
    for _ in range(8):
        descriptor = board.kernel.dma_engines.request_channel().prep_memcpy(
            target.address, source.address, PAGE
        )
        descriptor.callback = results.append
        descriptor.submit()
        descriptor.channel.issue_pending()
    run(board)
    assert results == [DmaResult.NOERROR] * 8
    assert board.kernel.log.warnings == []


# --- faults ----------------------------------------------------------------------


def faulting_copy(
    board: Rehearsal, target: int, source: int, size: int
) -> tuple[DmaChannel, int, list[DmaResult]]:
    results: list[DmaResult] = []
    channel = board.kernel.dma_engines.request_channel()
    descriptor = channel.prep_memcpy(target, source, size)
    descriptor.callback = results.append
    cookie = descriptor.submit()
    channel.issue_pending()
    run(board)
    return channel, cookie, results


def test_a_write_through_a_read_only_mapping(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 4), mapped(board, TO, 4)
    channel, cookie, results = faulting_copy(board, target.address + PAGE, source.address, 2 * PAGE)
    assert results == [DmaResult.WRITE_FAILED]
    assert channel.tx_status(cookie).status is DmaStatus.ERROR
    sar, dar = source.address + 128, target.address + PAGE
    (line,) = [line for line in board.log() if "channel 0:" in line]
    assert "dma-pl330 30bd0000.dma-controller channel 0: data_write_err (FTR 0x20000), " in line
    assert line.endswith(f" sar {sar:#x} dar {dar:#x}")


def test_a_read_behind_the_end_of_a_mapping_and_the_next_transfer(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 2), mapped(board, FROM, 8)
    data = source.fill(10)
    channel, cookie, results = faulting_copy(board, target.address, source.address, 4 * PAGE)
    assert results == [DmaResult.READ_FAILED]
    assert np.array_equal(target.content()[: 2 * PAGE], data)
    good = channel.prep_memcpy(target.address + 4 * PAGE, source.address, 2 * PAGE).submit()
    channel.issue_pending()
    run(board)
    statuses = [channel.tx_status(number).status for number in (cookie, good)]
    assert statuses == [DmaStatus.ERROR, DmaStatus.COMPLETE]
    assert np.array_equal(target.content()[4 * PAGE : 6 * PAGE], data)
    assert [line for line in board.log() if "F_TRANSLATION" in line or "translation" in line.lower()]


def test_microcode_behind_the_smmu(board: Rehearsal) -> None:
    """The fetch goes through the SMMU too: without its mapping the channel cannot begin."""
    source, target = mapped(board, TO, 1), mapped(board, FROM, 1)
    microcode = driver(board)._microcode
    device = board.device("dma")
    assert device.iommu_domain is not None
    device.iommu_domain.unmap(microcode.dma_address, board.machine.clock.now)  # type: ignore[arg-type]
    _, _, results = faulting_copy(board, target.address, source.address, PAGE)
    assert results == [DmaResult.ABORTED]
    (line,) = [line for line in board.log() if "channel 0:" in line]
    assert f"instr_fetch_err (FTR 0x10000), cpc {microcode.dma_address:#x}" in line


def test_an_undefined_instruction_in_the_microcode(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 1), mapped(board, FROM, 1)
    channel = board.kernel.dma_engines.request_channel()
    results: list[DmaResult] = []
    descriptor = channel.prep_memcpy(target.address, source.address, PAGE)
    descriptor.callback = results.append
    descriptor.submit()
    channel.issue_pending()
    driver(board)._microcode.write(6, np.full(1, 0xFF, dtype=np.uint8))
    run(board)
    assert results == [DmaResult.ABORTED]
    assert any("channel 0: undef_instr (FTR 0x1), " in line for line in board.log())


def test_a_fault_of_the_manager_is_logged_and_cured(board: Rehearsal) -> None:
    driver(board).execute(go(0, 0, non_secure=False))
    run(board, MILLISECOND)
    assert any(
        line.endswith("dma-pl330 30bd0000.dma-controller: manager: dmago_err dbg_instr (FTRD 0x40000010)")
        for line in board.log()
    )
    source, target = mapped(board, TO, 1), mapped(board, FROM, 1)
    _, _, results = faulting_copy(board, target.address, source.address, PAGE)
    assert results == [DmaResult.NOERROR]


def test_a_thread_that_does_not_stop(board: Rehearsal) -> None:
    """Somebody else's program keeps the channel busy; the driver gives up after a millisecond."""
    microcode = driver(board)._microcode
    microcode.write(0, np.frombuffer(bytes.fromhex("3608"), dtype=np.uint8))
    driver(board).execute(go(0, microcode.dma_address, non_secure=True))
    run(board, 1_000)
    source, target = mapped(board, TO, 1), mapped(board, FROM, 1)
    _, _, results = faulting_copy(board, target.address, source.address, PAGE)
    assert results == [DmaResult.ABORTED]
    assert any(line.endswith("channel 0: the thread does not stop") for line in board.log())


def test_shutdown_stops_channels_and_warns_of_clients(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 512), mapped(board, FROM, 512)
    channel = board.kernel.dma_engines.request_channel()
    channel.prep_memcpy(target.address, source.address, source.size).submit()
    channel.issue_pending()
    run(board, MILLISECOND)
    driver(board).remove()
    before = target.content().copy()
    run(board)
    assert np.array_equal(target.content(), before)
    text = "dma-pl330 30bd0000.dma-controller channel 0: unregistered while a client holds a reference"
    assert board.kernel.log.warnings == [text]


def test_the_smmu_names_the_owner_of_what_was_hit(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 1), mapped(board, FROM, 1)
    at = target.address
    target.unmap()
    faulting_copy(board, at, source.address, PAGE)
    smmu = board.device("smmu").driver
    assert isinstance(smmu, Smmuv3Driver)
    assert "a test's buffer" in smmu.last_owner(0x12, at)
