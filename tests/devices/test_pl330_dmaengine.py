"""The dmaengine of the kernel, with the DMA-330's channels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from soc.kernel.dmaengine import DmaResult, DmaStatus
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection
from tests.devices.pl330_kernel import FROM, MILLISECOND, TO, mapped, refused, run, with_pl330
from tests.kernel.rehearsal import PAGE, Rehearsal


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Rehearsal]:
    board = Rehearsal(tmp_path, with_pl330)
    yield board
    board.close()


def test_transfers_of_a_channel_run_in_order(board: Rehearsal) -> None:
    """Each copies what the one before has written."""
    first, last = mapped(board, TO, 1), mapped(board, FROM, 1)
    between = [mapped(board, DmaDirection.BIDIRECTIONAL, 1) for _ in range(4)]
    data = first.fill(6)
    channel = board.kernel.dma_engines.request_channel()
    chain = [first, *between, last]
    done: list[int] = []
    cookies = []
    for source, target in zip(chain, chain[1:], strict=False):
        descriptor = channel.prep_memcpy(target.address, source.address, PAGE)
        number = len(cookies)
        descriptor.callback = lambda _, number=number: done.append(number)
        cookies.append(descriptor.submit())
    channel.issue_pending()
    run(board)
    assert (cookies, done) == ([2, 3, 4, 5, 6], [0, 1, 2, 3, 4])
    assert np.array_equal(last.content(), data)


def test_a_callback_may_submit_the_next(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 1), mapped(board, FROM, 1)
    channel = board.kernel.dma_engines.request_channel()
    times: list[int] = []

    def again(_: DmaResult) -> None:
        times.append(board.machine.clock.now)
        if len(times) < 5:
            submit()

    def submit() -> None:
        descriptor = channel.prep_memcpy(target.address, source.address, PAGE)
        descriptor.callback = again
        descriptor.submit()
        channel.issue_pending()

    submit()
    run(board)
    assert len(times) == 5
    assert times == sorted(set(times))


def test_what_is_submitted_waits_for_issue_pending(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 1), mapped(board, FROM, 1)
    channel = board.kernel.dma_engines.request_channel()
    first = channel.prep_memcpy(target.address, source.address, PAGE).submit()
    channel.issue_pending()
    second = channel.prep_memcpy(target.address, source.address, PAGE).submit()
    run(board)
    assert [channel.tx_status(cookie).status for cookie in (first, second)] == [
        DmaStatus.COMPLETE,
        DmaStatus.IN_PROGRESS,
    ]


def test_residue_goes_down(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 512), mapped(board, FROM, 512)
    channel = board.kernel.dma_engines.request_channel()
    cookie = channel.prep_memcpy(target.address, source.address, source.size).submit()
    channel.issue_pending()
    residues = []
    for _ in range(6):
        run(board, 300_000)
        residues.append(channel.tx_status(cookie).residue)
    assert residues == sorted(residues, reverse=True)
    assert source.size > residues[0] > residues[-1] > 0


def test_terminate_stops_and_calls_nobody(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 512), mapped(board, FROM, 512)
    channel = board.kernel.dma_engines.request_channel()
    called: list[DmaResult] = []
    cookies = []
    for _ in range(3):
        descriptor = channel.prep_memcpy(target.address, source.address, source.size)
        descriptor.callback = called.append
        cookies.append(descriptor.submit())
    channel.issue_pending()
    run(board, MILLISECOND)
    channel.terminate_all()
    run(board)
    assert called == []
    assert [channel.tx_status(cookie).status for cookie in cookies] == [DmaStatus.COMPLETE] * 3
    data = source.fill(7)
    channel.prep_memcpy(target.address, source.address, source.size).submit()
    channel.issue_pending()
    run(board)
    assert np.array_equal(target.content(), data)


def test_terminate_and_start_in_one_instant(board: Rehearsal) -> None:
    """The thread is still on its way to rest; the driver looks again until it is there."""
    source, target = mapped(board, TO, 64), mapped(board, FROM, 64)
    data = source.fill(8)
    channel = board.kernel.dma_engines.request_channel()
    channel.prep_memcpy(target.address, source.address, source.size).submit()
    channel.issue_pending()
    run(board, 1_000)
    channel.terminate_all()
    channel.prep_memcpy(target.address, source.address, source.size).submit()
    channel.issue_pending()
    run(board)
    assert np.array_equal(target.content(), data)


def test_eight_channels_and_no_ninth(board: Rehearsal) -> None:
    engines = board.kernel.dma_engines
    channels = [engines.request_channel() for _ in range(8)]
    with refused("ENODEV", "no DMA channel is free"):
        engines.request_channel()
    source = mapped(board, TO, 8)
    targets = [mapped(board, FROM, 8) for _ in channels]
    data = source.fill(9)
    for channel, target in zip(channels, targets, strict=True):
        channel.prep_memcpy(target.address, source.address, source.size).submit()
        channel.issue_pending()
    run(board)
    assert all(np.array_equal(target.content(), data) for target in targets)
    engines.release_channel(channels[3])
    assert engines.request_channel() is channels[3]


def test_a_released_channel_begins_anew(board: Rehearsal) -> None:
    engines = board.kernel.dma_engines
    channel = engines.request_channel()
    cookie = channel.prep_memcpy(0x1000, 0x2000, 64).submit()
    engines.release_channel(channel)
    assert engines.request_channel().prep_memcpy(0x1000, 0x2000, 64).submit() == cookie == 2
    engines.release_channel(channel)
    engines.release_channel(channel)
    text = "dma-pl330 30bd0000.dma-controller channel 0: released, but no client has it"
    assert board.kernel.log.warnings == [text]


@pytest.mark.parametrize(
    ("target", "source", "size"), [(0, 0, 0), (0, 0, -1), (0xFFFF_FFFF, 0, 2), (0, 1 << 32, 1), (-1, 0, 1)]
)
def test_copies_that_cannot_be(board: Rehearsal, target: int, source: int, size: int) -> None:
    channel = board.kernel.dma_engines.request_channel()
    with pytest.raises(KernelError, match=r"^-EINVAL: .*: cannot copy -?\d+ bytes, "):
        channel.prep_memcpy(target, source, size)


def test_a_copy_that_needs_too_much_microcode(board: Rehearsal) -> None:
    channel = board.kernel.dma_engines.request_channel()
    with pytest.raises(KernelError, match=r"^-EINVAL: .*: 1073741823 bytes need \d+ bytes of microcode$"):
        channel.prep_memcpy(0, 1, (1 << 30) - 1)


def test_a_controller_has_channels(board: Rehearsal) -> None:
    with refused("EINVAL", r"30bd0000\.dma-controller: a DMA controller without channels"):
        board.kernel.dma_engines.register(board.device("dma"), [])


def test_a_descriptor_is_submitted_once(board: Rehearsal) -> None:
    descriptor = board.kernel.dma_engines.request_channel().prep_memcpy(0x1000, 0x2000, 64)
    descriptor.submit()
    with pytest.raises(KernelError, match=r"^-EINVAL: .*: descriptor 2 is submitted already$"):
        descriptor.submit()


def test_cookies_wrap_round(board: Rehearsal) -> None:
    source, target = mapped(board, TO, 1), mapped(board, FROM, 1)
    channel = board.kernel.dma_engines.request_channel()
    channel._last_used = channel._last_complete = 0x7FFF_FFFE
    cookies = [channel.prep_memcpy(target.address, source.address, PAGE).submit() for _ in range(3)]
    assert cookies == [0x7FFF_FFFF, 1, 2]

    def statuses() -> list[bool]:
        return [channel.tx_status(cookie).status is DmaStatus.COMPLETE for cookie in (0x7FFF_FFFE, *cookies)]

    assert statuses() == [True, False, False, False]
    channel.issue_pending()
    run(board)
    assert statuses() == [True, True, True, True]
