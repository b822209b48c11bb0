"""What watches every scenario of the modelled kernel, and that it is silent when nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.lcdif.driver import LcdifDriver
from soc.address import PhysAddr
from soc.dmabuf.fence import DmaFence, dma_fence_context_alloc
from soc.memory.span import PageSpan
from soc.scenario.bugs import BUGS
from tests.scenario.writing import BOARD, run

CHOSEN = "stdout-path: serial0:115200n8"


class ForgetsItsFence(LcdifDriver):
    """Makes a fence for the frames it is to show, and neither shows them nor signals it."""

    fence: DmaFence | None = None

    def flip(self, index: int) -> None:
        context = dma_fence_context_alloc(self.kernel)
        self.fence = self.fence or DmaFence(self.kernel, "lcdif", "scanout", context, 1)


class ReadsWhatItGaveBack(LcdifDriver):
    """Leaves a thread behind that reads a buffer when the program has closed it, too."""

    def disable(self) -> None:
        if self.buffers and (sgt := self.buffers[0].sgt) is not None:
            first = PageSpan.linear(PhysAddr(int(sgt.starts[0])), 64)
            self.kernel.sched.kthread_run("late", self.kernel.cpu.read_span, first)
        super().disable()


def strays(folder: Path, **changes: str) -> list[str]:
    return [line for line in run(folder, **changes).result.warnings if line.startswith("stray DMA")]


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_behind_an_iommu_no_shipped_driver_is_a_stray(bug: str, tmp_path: Path) -> None:
    """Those that copy do it between buffers which are mapped for whoever copies."""
    assert strays(tmp_path, kernel=f"{{heap: fb_pool, buffers: 3, bugs: [{bug}]}}") == []


@pytest.mark.parametrize("heap", ["fb_pool", "shared_pool", "cma_pool", "system"])
def test_no_heap_makes_one(heap: str, tmp_path: Path) -> None:
    assert strays(tmp_path, kernel=f"{{heap: {heap}, buffers: 3}}") == []


def test_without_translation_the_ledger_tells_who_reads_what_it_has_unmapped(tmp_path: Path) -> None:
    """An unmap takes nothing away then, so nothing faults and the picture is right."""
    board = tmp_path / "board.yaml"
    text = BOARD.read_text(encoding="utf-8")
    board.write_text(text.replace(CHOSEN, f"{CHOSEN}\n  bootargs: iommu.passthrough=1"))
    clean = run(tmp_path, board=str(board)).result
    assert (clean.reasons, clean.verdict) == ([], "proven")
    software = "{heap: fb_pool, buffers: 3, bugs: [display-unmaps-at-flip]}"
    result = run(tmp_path, board=str(board), kernel=software).result
    assert (result.verdict, result.passed, result.leaked) == ("proven", False, [])
    assert result.reasons == [f"warning: {line}" for line in result.warnings]
    for line in result.warnings:
        assert line.startswith("stray DMA: lcdif@32e00000 read ")
        assert "of dma-buf" in line and "which is mapped by 32e20000.camera at iova 0xb000" in line


def test_a_fence_that_nobody_signals_is_named_while_the_run_waits_and_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUGS, "planted", ForgetsItsFence)
    software = "{heap: fb_pool, buffers: 3, bugs: [planted]}"
    result = run(tmp_path, kernel=software, time_limit="11").result
    who = "driver lcdif, timeline scanout, seqno 1, to be signalled by nobody known"
    assert result.warnings == [f"fence lcdif 1:1 has been pending for 10.000 s: {who}"]
    assert result.leaked == [f"fence lcdif 1:1 was never signalled: {who}"]
    assert result.reasons[0] == "not done after 11 s of virtual time"


def test_what_was_warned_about_is_not_told_again_as_a_leak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUGS, "planted", ReadsWhatItGaveBack)
    result = run(tmp_path, kernel="{heap: fb_pool, buffers: 3, bugs: [planted]}").result
    (late,) = result.warnings
    assert late.startswith("use after free: cpu read 64 bytes on a freed page of dma-buf 1 of heap fb_pool")
    assert (result.leaked, result.reasons) == ([], [f"warning: {late}"])
