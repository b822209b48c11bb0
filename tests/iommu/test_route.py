"""dma-ranges on the hardware side: where a device's addresses lead, and that the kernel agrees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.address import Iova
from soc.devicetree.cells import Range
from soc.iommu.port import DmaAbort, DmaPort
from soc.iommu.route import DmaRoute
from soc.kernel.dma import dma_map_single
from soc.kernel.scatterlist import DmaDirection
from tests.kernel.dma_bench import BASE, ENGINE, PAGE, DmaBoard

INNER = """\
  inner:
    compatible: simple-bus
    '#address-cells': 2
    '#size-cells': 2
    ranges: true
"""
TWO_LEVELS = DmaRoute(
    (
        (Range(0x0, 0x4000_0000, 0x10_0000), Range(0x1000_0000, 0x4800_0000, 0x10_0000)),
        (Range(0x4000_0000, 0x8000_0000, 0x1000_0000),),
    )
)


@pytest.mark.parametrize(
    ("address", "size", "segments"),
    [
        (0x0, 0x1000, [(0x8000_0000, 0x1000)]),
        (0x1234, 0x4000, [(0x8000_1234, 0x4000)]),
        (0x1000_0010, 4, [(0x8800_0010, 4)]),
        (0xF_F000, 0x1000, [(0x800F_F000, 0x1000)]),
        (0xF_F000, 0x1001, None),
        (0x0FFF_FFFF, 2, None),
        (0x8000_0000, 4, None),
    ],
)
def test_two_buses(address, size, segments):
    span = TWO_LEVELS.span(Iova(address), size)
    assert (span and span.segments()) == segments


def test_windows_side_by_side_are_one_way():
    route = DmaRoute(((Range(0x0, 0x9000_0000, 0x2000), Range(0x2000, 0x8000_0000, 0x2000)),))
    span = route.span(Iova(0x1800), 0x1000)
    assert span is not None
    assert span.segments() == [(0x9000_1800, 0x800), (0x8000_0000, 0x800)]


def test_windows_that_meet_inside_a_page_lead_nowhere():
    route = DmaRoute(((Range(0x0, 0x9000_0000, 0x1800), Range(0x1800, 0x8000_0000, 0x2000)),))
    assert route.span(Iova(0x1000), 0x1000) is None
    assert route.span(Iova(0x1000), 0x800) is not None


@given(st.integers(0, 1 << 40), st.integers(1, 100_000))
def test_without_dma_ranges_addresses_are_physical(address, size):
    span = DmaRoute(()).span(Iova(address), size)
    assert span is not None
    assert (span.address, span.size) == (address, size)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("", ""),
        ("  dma-ranges: [[0x0, 0x80000000, 64M]]\n", "    dma-ranges: true\n"),
        ("  dma-ranges: [[0x40000000, 0x80000000, 64M]]\n", "    dma-ranges: [[0x0, 0x40000000, 64M]]\n"),
    ],
)
def test_what_the_kernel_maps_the_device_reaches(tmp_path, outer, inner):
    board = DmaBoard(tmp_path, INNER + inner + "  " + ENGINE.format(more=""), bus=outer)
    device, phys = board.device(), board.pages(1)
    address = dma_map_single(device, phys, PAGE, DmaDirection.TO_DEVICE)
    board.fill(phys, b"payload")
    route = DmaRoute.of(device.node)
    port = DmaPort(board.machine.bus.master("engine"), route=route)
    assert port.read(Iova(address), 7)[1].tobytes() == b"payload"
    assert port.peek(Iova(address), 7).tobytes() == b"payload"
    board.close()


def test_where_linux_ignores_a_missing_property_the_hardware_does_not(tmp_path):
    """The classic: two buses without dma-ranges below one that has it; drivers use physical addresses."""
    innermost = "".join(f"  {line}\n" for line in INNER.replace("inner", "innermost").splitlines())
    bus = INNER + innermost + "    " + ENGINE.format(more="")
    board = DmaBoard(tmp_path, bus, bus="  dma-ranges: [[0x0, 0x80000000, 64M]]\n")
    device, phys = board.device(), board.pages(1)
    assert dma_map_single(device, phys, PAGE, DmaDirection.TO_DEVICE) == phys >= BASE
    port = DmaPort(board.machine.bus.master("engine"), route=DmaRoute.of(device.node))
    with pytest.raises(DmaAbort) as caught:
        port.read(Iova(phys), 7)
    assert caught.value.reason == "no dma-ranges window leads there"
    assert port.peek(Iova(phys), 7) is None
    board.close()
