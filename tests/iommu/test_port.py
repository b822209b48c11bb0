"""The DMA port without an IOMMU and with one that scatters."""

from __future__ import annotations

import numpy as np
import pytest

from soc.address import Iova, PhysAddr
from soc.bus import Bus
from soc.iommu.port import DmaAbort, DmaPort
from soc.memory.dram import Bank, Dram, PageSpan

PAGE = 4096
RAM = PhysAddr(0x8000_0000)


class Swapper:
    """An IOMMU that maps IOVA pages 0, 1 to memory pages 1, 0; refuses the rest."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int, bool]] = []

    def peek(self, stream: int, iova: Iova, size: int) -> PageSpan | None:
        if iova + size > 2 * PAGE:
            return None
        last = (iova + size - 1) // PAGE
        frames = [(RAM >> 12) + 1 - page for page in range(iova // PAGE, last + 1)]
        return PageSpan.of(np.array(frames), iova % PAGE, size)

    def translate(self, stream: int, iova: Iova, size: int, write: bool) -> PageSpan:
        self.asked.append((stream, iova, size, write))
        span = self.peek(stream, iova, size)
        if span is None:
            raise DmaAbort(f"stream {stream:#x}", iova, "write" if write else "read", "not mapped")
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
    assert iommu.asked == [(7, 0, 2 * PAGE, True), (7, 10, 2 * PAGE - 10, False)]


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
    assert [span.address - RAM for span in spans] == [0, 8]
    expected = [0, 1, 2, *[0xEE] * 5, 3, 4, 5, *[0xEE] * 5]
    assert bus.dram.view(RAM, 16).tolist() == expected
    assert len(port.write_rows(Iova(RAM), np.zeros((4, 8), dtype=np.uint8), stride=8)) == 1
