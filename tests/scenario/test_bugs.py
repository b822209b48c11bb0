"""Planted drivers: each kind of wrongdoing is found by the judge and called by its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from devices.drivers import DRIVERS
from devices.lcdif.driver import LcdifDriver
from soc.address import PhysAddr
from soc.dmabuf.cpu_access import dma_buf_begin_cpu_access, dma_buf_end_cpu_access
from soc.errors import BadInput
from soc.kernel.iommu.domain import LEAF
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.task import Task
from soc.memory.span import PageSpan
from soc.scenario.bugs import BUGS, DrawsCursor, SkipsSizeCheck, UnmapsAtFlip, with_bugs
from soc.verify.result import RunResult
from tests.scenario.writing import BOARD, run


class PeeksWithTheCpu(LcdifDriver):
    """Reads the first line of every frame it is given."""

    def flip(self, index: int) -> None:
        sgt = self.buffers[index].sgt
        assert sgt is not None
        self.kernel.cpu.read_span(PageSpan.linear(PhysAddr(int(sgt.starts[0])), 256))
        super().flip(index)


class ForgetsToClose(LcdifDriver):
    """Stops without giving its imports back."""

    def disable(self) -> None:
        self.buffers.clear()
        super().disable()


class ShowsTheOneBefore(LcdifDriver):
    """Programs the address of the buffer before the one it is asked to show."""

    def flip(self, index: int) -> None:
        super().flip(index)
        wrong = self.buffers[index - 1].iova
        self._regs.write("NEXT_BUF", wrong)
        if self.frames_scanned == 0:
            self._regs.write("CUR_BUF", wrong)


class MapsElsewhere(LcdifDriver):
    """Points the first page of every import at another page, behind the exporter's back."""

    def import_framebuffer(self, task: Task, fd: int) -> int:
        index = super().import_framebuffer(task, fd)
        domain, iova = self.device.iommu_domain, self.buffers[index].iova
        assert domain is not None
        domain.table.unmap(iova >> 12, 1)
        domain.table.map(iova >> 12, np.array([0x90000], dtype=np.int64), LEAF)
        domain.ops.invalidate(domain, iova, 4096)
        return index


class DetachesWhileMapped(LcdifDriver):
    """Gives its reference back before it unmaps."""

    def disable(self) -> None:
        for buffer in self.buffers:
            buffer._detach()
        self.buffers.clear()
        super().disable()


def planted(kind: type[LcdifDriver], folder: Path, monkeypatch: pytest.MonkeyPatch) -> RunResult:
    monkeypatch.setitem(BUGS, "planted", kind)
    return run(folder, kernel="{heap: fb_pool, buffers: 3, bugs: [planted]}").result


def test_a_cpu_that_peeks_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = planted(PeeksWithTheCpu, tmp_path, monkeypatch)
    assert (result.verdict, result.moved_by["cpu"]) == ("unproven", (5 * 256, 0))
    assert result.reasons == [
        "bytes: cpu read 1,280 bytes, 0 needed",
        "cpu: the CPU read 1,280 and wrote 0 bytes of the buffers",
    ]


def test_a_mapping_of_other_pages_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = planted(MapsElsewhere, tmp_path, monkeypatch)
    assert (result.verdict, result.faults) == ("unproven", [])
    assert result.reasons[0] == (
        "same pages: lcdif@32e00000 and camera@32e20000 see different pages of dma-buf 1 'fb_pool'"
    )
    assert [reason.split(":")[0] for reason in result.reasons] == ["same pages", "content"]


def test_a_leak_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = planted(ForgetsToClose, tmp_path, monkeypatch)
    assert result.verdict == "proven"
    assert len(result.leaked) == 3
    assert result.leaked[0].startswith(
        "dma-buf 1 'fb_pool' (12288 bytes): held by importer 32e00000.lcdif; attached to 32e00000.lcdif; "
    )
    assert result.reasons[:3] == [f"leaked: {line}" for line in result.leaked]
    assert [reason.partition("[count")[0] for reason in result.reasons[3:]] == [
        "warning: DMA-API: platform 32e00000.lcdif: device driver has pending DMA allocations "
        "while released from device "
    ]
    assert result.as_json()["references"] == {"leaked": result.leaked}


def test_a_copy_in_one_run_of_pages_needs_no_iommu(tmp_path: Path) -> None:
    board = tmp_path / "board.yaml"
    lines = BOARD.read_text(encoding="utf-8").splitlines(keepends=True)
    board.write_text("".join(line for line in lines if "iommus:" not in line), encoding="utf-8")
    kernel = "{heap: fb_pool, buffers: 3, bugs: [display-copies-frames]}"
    picture = "{width: 64, height: 32, format: XRGB8888}"
    result = run(tmp_path, board=str(board), kernel=kernel, picture=picture).result
    assert (result.verdict, result.shown, result.mismatched) == ("copied", 5, 0)


def test_frames_from_the_wrong_buffer_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = planted(ShowsTheOneBefore, tmp_path, monkeypatch)
    assert (result.verdict, result.faults) == ("unproven", [])
    assert result.mismatched > 0
    assert [reason.split(":")[0] for reason in result.reasons] == ["content"]


def test_a_warning_of_the_kernel_fails_a_proven_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = planted(DetachesWhileMapped, tmp_path, monkeypatch)
    assert (result.verdict, result.passed) == ("proven", False)
    assert result.warnings[0].startswith(
        "dma_buf_detach: dma-buf 1 'fb_pool' is still mapped by 32e00000.lcdif"
    )
    assert result.reasons[0] == f"warning: {result.warnings[0]}"


def test_no_bugs_leave_the_drivers_as_they_are() -> None:
    assert with_bugs(DRIVERS, ()) == DRIVERS


@pytest.mark.parametrize("name", sorted(BUGS))
def test_a_bug_takes_the_place_of_the_driver_it_derives_from(name: str) -> None:
    drivers = with_bugs(DRIVERS, (name,))
    changed = [(new, old) for new, old in zip(drivers, DRIVERS, strict=True) if new is not old]
    ((new, old),) = changed
    assert old is LcdifDriver and issubclass(new, BUGS[name])
    assert (new.name, new.of_match) == (old.name, old.of_match)


def test_two_bugs_of_one_driver_are_both_planted() -> None:
    names = ("display-skips-size-check", "display-unmaps-at-flip", "display-skips-size-check")
    (both,) = set(with_bugs(DRIVERS, names)) - set(DRIVERS)
    assert issubclass(both, SkipsSizeCheck) and issubclass(both, UnmapsAtFlip)


class DrawsCursorInBrackets(DrawsCursor):
    """Draws the same cursor as the framework wants it."""

    def flip(self, index: int) -> None:
        dmabuf = self.buffers[index].dmabuf
        dma_buf_begin_cpu_access(dmabuf, DmaDirection.BIDIRECTIONAL)
        super().flip(index)
        dma_buf_end_cpu_access(dmabuf, DmaDirection.BIDIRECTIONAL)


@pytest.mark.parametrize(
    ("kind", "held"), [(DrawsCursor, False), (DrawsCursorInBrackets, True)], ids=["bare", "in brackets"]
)
@pytest.mark.parametrize("coherent", [False, True], ids=["", "dma-coherent"])
def test_a_cursor_needs_brackets_unless_the_engines_see_the_caches(
    kind: type[DrawsCursor], held: bool, coherent: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = BOARD.read_text(encoding="utf-8")
    board = tmp_path / "board.yaml"
    board.write_text(text.replace("soc:\n", "soc:\n  dma-coherent: true\n") if coherent else text)
    monkeypatch.setitem(BUGS, "planted", kind)
    software = "{heap: shared_pool, buffers: 3, bugs: [planted]}"
    result = run(tmp_path, board=str(board), kernel=software).result
    assert {check.name: check.held for check in result.checks}["caches"] is (held or coherent)
    assert result.moved_by["cpu"][1] > 0


def test_memory_that_is_cached_proves_like_any_other(tmp_path: Path) -> None:
    result = run(tmp_path, kernel="{heap: shared_pool, buffers: 3}").result
    assert (result.verdict, result.reasons) == ("proven", [])


def test_lazy_invalidation_hides_the_fault_but_not_the_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = BOARD.read_text(encoding="utf-8")
    board = tmp_path / "board.yaml"
    chosen = "stdout-path: serial0:115200n8"
    board.write_text(text.replace(chosen, f"{chosen}\n  bootargs: iommu.strict=0"))
    software = "{heap: fb_pool, buffers: 3, bugs: [display-unmaps-at-flip]}"
    lazy = run(tmp_path, board=str(board), kernel=software).result
    strict = run(tmp_path, kernel=software).result
    assert [fault.reason for fault in strict.faults][:1] == ["F_TRANSLATION"]
    assert not any(reason.startswith("use after unmap") for reason in strict.reasons)
    told = next(
        reason for reason in lazy.reasons if reason.startswith("use after unmap: stream 0x10: read at")
    )
    assert "through a stale translation of 32e00000.lcdif's mapping of dma-buf" in told


@pytest.mark.parametrize("seed", [1, 2])
def test_with_few_lines_in_the_worst_case_the_cursor_still_fails(seed: int, tmp_path: Path) -> None:
    software = "{heap: shared_pool, buffers: 3, bugs: [display-draws-cursor]}"
    changes = {"kernel": software, "caches": f"{{seed: {seed}, percent: 2}}"}
    results = [run(tmp_path, **changes).result for _ in range(2)]
    assert results[0].reasons == results[1].reasons
    assert {check.name: check.held for check in results[0].checks}["caches"] is False


@pytest.mark.parametrize(
    ("bugs", "problem"),
    [
        (
            "[display-draws-cursor, display-unmaps-at-flip]",
            "display-draws-cursor and display-unmaps-at-flip both replace flip",
        ),
        (
            "[display-copies-frames-by-dma, display-copies-frames]",
            "display-copies-frames-by-dma and display-copies-frames both replace disable",
        ),
        (
            "[display-skips-size-check, display-copies-frames, display-unmaps-at-flip]",
            "display-copies-frames and display-unmaps-at-flip both replace flip",
        ),
    ],
)
def test_bugs_that_exclude_each_other(bugs: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        run(tmp_path, kernel=f"{{heap: fb_pool, buffers: 3, bugs: {bugs}}}")
    assert str(caught.value) == f"{tmp_path}/small.yaml:8: bugs: {problem} of the driver: plant one of them"


def test_a_planted_bug_that_nothing_could_notice_fails_the_run(tmp_path: Path) -> None:
    """The check that is left out would have passed every buffer."""
    software = "{heap: fb_pool, buffers: 3, bugs: [display-skips-size-check]}"
    result = run(tmp_path, kernel=software).result
    assert result.verdict == "proven"
    assert result.reasons == ["planted display-skips-size-check: nothing was there to notice it"]


def test_the_cause_that_the_kernel_logged_is_told(tmp_path: Path) -> None:
    board = tmp_path / "board.yaml"
    text = BOARD.read_text(encoding="utf-8")
    board.write_text(text.replace("[[*smmu, 0x11]]", "[[*smmu, 0x10001]]"))
    result = run(tmp_path, board=str(board)).result
    assert result.reasons[-1] == (
        "before that: platform 32e20000.camera: no IOMMU, direct addresses: "
        "-EINVAL: stream 0x10001 is beyond the table's 65536 entries"
    )


@pytest.mark.parametrize("compatible", ["shared-dma-pool", "restricted-dma-pool"])
def test_a_pool_of_devices_is_no_heap(compatible: str, tmp_path: Path) -> None:
    board = tmp_path / "board.yaml"
    text = BOARD.read_text(encoding="utf-8")
    board.write_text(
        text.replace(
            "&shared_pool\n    compatible: ion-region", f"&shared_pool\n    compatible: {compatible}"
        )
    )
    with pytest.raises(BadInput) as caught:
        run(tmp_path, board=str(board), kernel="{heap: shared_pool, buffers: 3}")
    assert str(caught.value) == (
        f"{tmp_path}/small.yaml:8: heap 'shared_pool' is a {compatible}: "
        "a carveout heap needs a region of its own"
    )


@pytest.mark.parametrize(("coherent", "verdict"), [("camera", "proven"), ("lcdif", "unproven")])
def test_one_engine_sees_the_caches_and_the_other_does_not(
    coherent: str, verdict: str, tmp_path: Path
) -> None:
    """What a snooping camera writes reaches DRAM; a snooping display hits lines the CPU filled before."""
    board = tmp_path / "board.yaml"
    node = {"camera": "compatible: dmabuf-soc,camera", "lcdif": 'compatible: ["fsl,imx8mm-lcdif", '}[coherent]
    text = BOARD.read_text(encoding="utf-8")
    assert node in text
    board.write_text(text.replace(f"    {node}", f"    dma-coherent: true\n    {node}"))
    result = run(tmp_path, board=str(board), kernel="{heap: shared_pool, buffers: 3}").result
    assert result.verdict == verdict
    held = {check.name: check.held for check in result.checks}["caches"]
    assert held is (verdict == "proven")
    if not held:
        told = "caches: lcdif@32e00000 read a cached line older than what a device wrote"
        assert result.reasons[0].startswith(told)
        assert "device side camera@32e20000" in result.reasons[0]
