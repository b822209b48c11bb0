"""The DMA port without an IOMMU and with one that scatters."""

from __future__ import annotations

import numpy as np
import pytest

from soc.address import Iova, PhysAddr
from soc.bus import Bus
from soc.iommu.port import DmaAbort, DmaDiscarded, DmaPort, DmaStalled
from soc.memory.dram import Bank, Dram
from soc.memory.rows import Rows
from soc.memory.span import PageSpan

PAGE = 4096
RAM = PhysAddr(0x8000_0000)


class Swapper:
    """An IOMMU that maps IOVA pages 0, 1 to memory pages 1, 0; refuses the rest as it is told to."""

    def __init__(self, refusal: type[DmaAbort] = DmaAbort) -> None:
        self.asked: list[tuple[int, int, int, bool, int | None, bool]] = []
        self.peeked: list[int | None] = []
        self._refusal = refusal

    def peek(self, stream: int, iova: Iova, size: int, substream: int | None = None) -> PageSpan | None:
        self.peeked.append(substream)
        if iova + size > 2 * PAGE:
            return None
        last = (iova + size - 1) // PAGE
        frames = [(RAM >> 12) + 1 - page for page in range(iova // PAGE, last + 1)]
        return PageSpan.of(np.array(frames), iova % PAGE, size)

    def translate(
        self,
        stream: int,
        iova: Iova,
        size: int,
        write: bool,
        substream: int | None = None,
        privileged: bool = False,
        rows: Rows | None = None,
    ) -> PageSpan:
        self.asked.append((stream, iova, size, write, substream, privileged))
        span = self.peek(stream, iova, size)
        if span is None:
            raise self._refusal(f"stream {stream:#x}", iova, "write" if write else "read", "not mapped")
        return span


@pytest.fixture
def bus():
    bank = Bank(RAM, 2 * PAGE)
    yield Bus(Dram([bank]))
    bank.close()


def test_without_an_iommu_addresses_are_physical(bus):
    port = DmaPort(bus.master("dma"))
    data = np.arange(100, dtype=np.uint8)
    span = port.write(Iova(RAM + 0xFF0), data)
    assert span.segments() == [(RAM + 0xFF0, 100)]
    assert port.read(Iova(RAM + 0xFF0), 100)[1].tolist() == data.tolist()
    assert port.peek(Iova(RAM + 0xFF0), 2).tolist() == [0, 1]
    assert port.master.traffic.total() == (100, 100)


@pytest.mark.parametrize("write", [False, True])
def test_where_no_memory_answers_the_transfer_aborts(bus, write):
    port = DmaPort(bus.master("dma"))
    at = Iova(RAM + 2 * PAGE - 1)
    with pytest.raises(DmaAbort) as caught:
        if write:
            port.write(at, np.ones(2, dtype=np.uint8))
        else:
            port.read(at, 2)
    access = "write" if write else "read"
    assert (caught.value.master, caught.value.iova, caught.value.access) == ("dma", at, access)
    reason = f"dma: {access} of 2 bytes at 0x80001fff: nothing answers there"
    assert str(caught.value) == f"dma: {access} at iova 0x80001fff aborted: {reason}"
    assert not bus.dram.view(RAM, 2 * PAGE).any()
    assert port.peek(at, 2) is None


def test_behind_an_iommu_one_transfer_is_one_question(bus):
    iommu = Swapper()
    port = DmaPort(bus.master("dma"), 7, iommu)
    data = (np.arange(2 * PAGE) // 32).astype(np.uint8)
    span = port.write(Iova(0), data)
    assert span.segments() == [(RAM + PAGE, PAGE), (RAM, PAGE)]
    assert bus.dram.view(RAM, PAGE).tobytes() == data[PAGE:].tobytes()
    assert port.read(Iova(10), 2 * PAGE - 10)[1].tobytes() == data[10:].tobytes()
    assert iommu.asked == [(7, 0, 2 * PAGE, True, None, False), (7, 10, 2 * PAGE - 10, False, None, False)]


def test_a_debugger_leaves_no_trace(bus):
    iommu = Swapper()
    port = DmaPort(bus.master("dma"), 7, iommu)
    bus.dram.view(RAM, 1)[0] = 9
    assert port.peek(Iova(PAGE), 1).tolist() == [9]
    assert port.peek(Iova(2 * PAGE), 1) is None
    assert (iommu.asked, port.master.traffic.total()) == ([], (0, 0))


def test_rows_leave_the_padding_alone(bus):
    port = DmaPort(bus.master("dma"))
    bus.dram.view(RAM, 32)[:] = 0xEE
    spans = port.write_rows(Iova(RAM), np.arange(6, dtype=np.uint8).reshape(2, 3), stride=8)
    assert spans[0].address == RAM
    expected = [0, 1, 2, *[0xEE] * 5, 3, 4, 5, *[0xEE] * 5]
    assert bus.dram.view(RAM, 16).tolist() == expected
    assert len(port.write_rows(Iova(RAM), np.zeros((4, 8), dtype=np.uint8), stride=8)) == 1


def test_substream_and_privilege_go_with_every_transfer(bus):
    iommu = Swapper()
    port = DmaPort(bus.master("dma"), 7, iommu, substream=3, privileged=True)
    port.write(Iova(0), np.zeros(8, dtype=np.uint8))
    port.read(Iova(8), 8)
    port.write_rows(Iova(0), np.zeros((2, 8), dtype=np.uint8), stride=PAGE)
    assert {question[4:] for question in iommu.asked} == {(3, True)}
    iommu.peeked.clear()
    port.peek(Iova(0), 8)
    assert iommu.peeked == [3]


# --- what an IOMMU may do with a transfer it refuses ------------------------


@pytest.mark.parametrize("write", [False, True])
def test_a_held_transfer_moves_nothing_and_is_an_abort_for_those_who_cannot_wait(bus, write):
    port = DmaPort(bus.master("dma"), 7, Swapper(DmaStalled))
    with pytest.raises(DmaAbort) as caught:
        if write:
            port.write(Iova(2 * PAGE), np.ones(4, dtype=np.uint8))
        else:
            port.read(Iova(2 * PAGE), 4)
    assert isinstance(caught.value, DmaStalled)
    assert port.master.traffic.total() == (0, 0)


def stalled() -> DmaStalled:
    return DmaStalled("stream 0x7", Iova(0x2000), "read", "F_TRANSLATION")


@pytest.mark.parametrize("retry", [False, True])
def test_who_waits_hears_the_answer_once(retry):
    heard: list[bool] = []
    transfer = stalled()
    transfer.wait(heard.append)
    assert heard == []
    transfer.answer(retry)
    assert heard == [retry]
    with pytest.raises(ValueError, match="stream 0x7: the stalled transfer is answered already"):
        transfer.answer(retry)
    assert heard == [retry]


def test_who_asks_late_hears_at_once():
    heard: list[bool] = []
    transfer = stalled()
    transfer.answer(True)
    transfer.wait(heard.append)
    assert heard == [True]


def test_only_one_can_wait():
    transfer = stalled()
    transfer.wait(lambda retry: None)
    with pytest.raises(ValueError, match="stream 0x7: somebody waits for this transfer already"):
        transfer.wait(lambda retry: None)


def test_who_waits_may_stall_again():
    """A retry that faults again is another transfer to wait for."""
    first, second = stalled(), stalled()
    heard: list[str] = []

    def retry(again: bool) -> None:
        heard.append(f"first {again}")
        second.wait(lambda again: heard.append(f"second {again}"))

    first.wait(retry)
    first.answer(True)
    second.answer(False)
    assert heard == ["first True", "second False"]


def test_a_discarded_transfer_reads_zeros_and_writes_nowhere(bus):
    port = DmaPort(bus.master("dma"), 7, Swapper(DmaDiscarded))
    bus.dram.view(RAM, 2 * PAGE)[:] = 0xEE
    span, data = port.read(Iova(2 * PAGE - 2), 4)
    assert (span.size, data.tolist()) == (0, [0, 0, 0, 0])
    assert port.write(Iova(2 * PAGE - 2), np.ones(4, dtype=np.uint8)).size == 0
    assert (bus.dram.view(RAM, 2 * PAGE) == 0xEE).all()
    assert port.master.traffic.total() == (0, 0)
