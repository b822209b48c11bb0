"""The kernel's command line, word by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from soc.errors import BadInput, Where
from soc.kernel.parameters import Parameters
from tests.kernel.rehearsal import Rehearsal

WHERE = Where(Path("board.yaml"), 7)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", Parameters()),
        ("console=ttyAMA0 quiet", Parameters()),
        ("iommu.strict=0", Parameters(iommu_strict=False)),
        ("iommu.strict=0 iommu.strict=1", Parameters()),
        ("iommu.passthrough=1", Parameters(iommu_passthrough=True)),
        ("swiotlb=force", Parameters(swiotlb="force")),
        ("swiotlb=1024", Parameters(swiotlb_slots=1024)),
        ("swiotlb=1024,noforce", Parameters(swiotlb_slots=1024, swiotlb="noforce")),
        ("dma_debug=off", Parameters(dma_debug=False)),
        ("dma_debug_entries=16", Parameters(dma_debug_entries=16)),
    ],
)
def test_words(arguments, expected):
    assert Parameters.parse(arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("iommu.strict=maybe", "iommu.strict must be 0 or 1, not 'maybe'"),
        ("iommu.passthrough", "iommu.passthrough must be 0 or 1, not ''"),
        ("swiotlb=lots", "swiotlb must be a number from 1 to 1048576, not 'lots'"),
        ("swiotlb=1048577", "swiotlb must be a number from 1 to 1048576, not '1048577'"),
        ("swiotlb=9999999999", "swiotlb must be a number from 1 to 1048576, not '9999999999'"),
        ("dma_debug_entries=0", "dma_debug_entries must be a number from 1 to 1048576, not '0'"),
    ],
)
def test_values_that_are_refused(arguments, problem):
    with pytest.raises(BadInput) as caught:
        Parameters.parse(arguments, WHERE)
    assert str(caught.value) == f"board.yaml:7: bootargs: {problem}"


def test_the_board_gives_them(tmp_path):
    bootargs = "stdout-path: serial0:115200n8\n  bootargs: iommu.strict=0 swiotlb=64,force"
    board = Rehearsal(tmp_path, lambda text: text.replace("stdout-path: serial0:115200n8", bootargs))
    expected = Parameters(iommu_strict=False, swiotlb="force", swiotlb_slots=64)
    assert board.kernel.parameters == expected
    board.close()
