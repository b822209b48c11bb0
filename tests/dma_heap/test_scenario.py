"""Scenario runs have the heaps' nodes, and their carveout is one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from soc.kernel.process import Process
from soc.kernel.uapi.dma_heap import DMA_HEAP_IOCTL_ALLOC, DmaHeapAllocationData
from soc.scenario.pipeline import CameraToDisplay
from tests.scenario.writing import run

NODES = ["fb_pool", "linux,cma@a0000000", "negotiated", "system"]


def test_the_nodes_are_there_while_a_scenario_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    sizes: list[int] = []
    start = CameraToDisplay.start

    def look(self: CameraToDisplay) -> None:
        process = self._task
        assert isinstance(process, Process)
        seen.append(process.kernel.devfs.list("/dev/dma_heap"))
        for node in seen[-1]:
            heap = process.open(node)
            data = DmaHeapAllocationData(10_000)
            process.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, data)
            sizes.append(process.fstat(data.fd).st_size)
            process.close(data.fd)
            process.close(heap)
        start(self)

    monkeypatch.setattr(CameraToDisplay, "start", look)
    result = run(tmp_path).result
    assert seen == [[f"/dev/dma_heap/{name}" for name in NODES]]
    assert sizes == [12_288] * 4
    assert (result.verdict, result.leaked, result.warnings) == ("proven", [], [])
