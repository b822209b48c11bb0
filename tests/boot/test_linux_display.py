"""Linux draws, and the display shows it: mxsfb's DMA through the SMMUv3 that Linux has set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from devices.lcdif.hardware import Lcdif
from devices.smmuv3.hardware import Smmuv3
from soc.address import PAGE_SHIFT
from soc.boot.assemble import Plan, prepare
from soc.boot.ending import Ending
from soc.boot.keyboard import Keyboard
from soc.boot.request import Request
from soc.boot.run import Boot
from soc.boot.screen import Screen
from soc.boot.terminal import Terminal
from soc.clock import SECOND
from soc.frames import FrameRecord
from tests.boot.running import ROOT, VIRT, variant
from tests.guests.fixtures import MakeInitramfs
from tests.guests.kernel import LinuxKernel
from tests.guests.pattern import checksum, pattern
from tests.guests.sections import fact, section

WIDTH, HEIGHT = 800, 480
SIZE = 4 * WIDTH * HEIGHT
PANEL_FRAME = 1056 * 525 * SECOND // 33_260_000
"""Nanoseconds, by the panel's timings in panel-simple and its clock."""
DISPLAY, IOMMU = "/soc/lcdif@90a0000", "/soc/iommu@9050000"
STREAM = 0x10
MODULES = ("fixed", "mxsfb", "panel-simple")
"""The panel's supply, the display, the panel."""
MakePlan = Callable[..., Plan]
IOMMUS = f"    iommus: [[*smmu, {STREAM:#x}]]\n"


@dataclass
class Run:
    """Linux on the board, from power-on to power-off.

    `records` are the display's frames, `mapped` says of each whether its bytes lay where the SMMU
    translates the display's stream to at that moment.
    """

    boot: Boot
    screen: Screen
    printed: bytearray
    records: list[FrameRecord] = field(default_factory=list)
    mapped: list[bool] = field(default_factory=list)

    def watch(self) -> None:
        machine = self.boot.booted.machine
        display, smmu = machine.models[DISPLAY], machine.models[IOMMU]
        assert isinstance(display, Lcdif) and isinstance(smmu, Smmuv3)

        def fetched(record: FrameRecord) -> None:
            span = smmu.peek(STREAM, record.iova, SIZE)
            self.records.append(record)
            self.mapped.append(span is not None and np.array_equal(span.frames, record.frames))

        display.frames.listeners.append(fetched)

    def section(self, name: str) -> list[str]:
        return section(self.printed.decode().replace("\r", ""), name)

    def interrupts(self, name: str) -> int:
        """How many of that name the core has taken."""
        [line] = [line for line in self.section("/proc/interrupts") if line.endswith(f" {name}")]
        return int(line.split()[1])


def linux(plan: Plan) -> Run:
    printed = bytearray()
    screen = Screen(plan.tree)
    boot = Boot(plan, Terminal(printed.extend), Keyboard(None), lambda: False, screen)
    run = Run(boot, screen, printed)
    run.watch()
    assert boot.run().ending is Ending.POWER_OFF, printed.decode()
    return run


@pytest.fixture(scope="module")
def plan_for(full_linux_kernel: LinuxKernel, initramfs: MakeInitramfs) -> MakePlan:
    """`plan_for(board, *modules)`: Linux that draws, and then says what it thinks of its devices."""

    def plan(board: Path, *modules: str) -> Plan:
        return prepare(
            Request(
                board=board,
                image=full_linux_kernel.image,
                initrd=initramfs(MODULES + modules, kernel=full_linux_kernel),
                append="console=ttyAMA0 -- draw drivers warnings show=/proc/interrupts",
                max_time=20,
            )
        )

    return plan


@pytest.fixture(scope="module")
def drawn(plan_for: MakePlan) -> Iterator[Run]:
    run = linux(plan_for(VIRT, "pl330"))
    yield run
    run.boot.booted.machine.close()


def test_the_screen_shows_what_was_drawn_pixel_by_pixel(drawn: Run) -> None:
    assert drawn.screen.picture is not None
    np.testing.assert_array_equal(drawn.screen.picture, pattern(WIDTH, HEIGHT))


def test_the_picture_in_the_documentation_is_this_one() -> None:
    with Image.open(ROOT / "docs/images/linux-display.png") as image:
        np.testing.assert_array_equal(np.asarray(image), pattern(WIDTH, HEIGHT))


def test_linux_drew_into_memory_what_the_screen_shows(drawn: Run) -> None:
    lines = drawn.section("framebuffer")
    assert fact(lines, "name") == "mxsfb-drmdrmfb"
    assert (fact(lines, "resolution"), fact(lines, "bits")) == (f"{WIDTH}x{HEIGHT}", "32")
    assert fact(lines, "line") == f"{4 * WIDTH} bytes"
    assert fact(lines, "checksum") == checksum(pattern(WIDTH, HEIGHT))


def test_linux_binds_its_drivers_to_display_panel_and_dma_controller(drawn: Run) -> None:
    bound = {"90a0000.lcdif mxsfb", "panel panel-simple", "regulator-panel reg-fixed-voltage"}
    assert bound | {"9090000.dma-controller dma-pl330"} <= set(drawn.section("drivers"))


def test_linux_has_nothing_to_complain_of(drawn: Run) -> None:
    """That there is no seed for KASLR is of the command line."""
    warnings = drawn.section("warnings")
    assert [line for line in warnings if not line.endswith("KASLR disabled due to lack of seed")] == []


def test_the_hardware_has_nothing_to_remark(drawn: Run) -> None:
    assert drawn.boot.booted.machine.log == []


def test_each_frame_since_linux_looked_has_interrupted_and_the_smmu_never(drawn: Run) -> None:
    assert 0 < drawn.interrupts("mxsfb-drm") <= len(drawn.records)
    assert drawn.interrupts("arm-smmu-v3-evtq") == drawn.interrupts("arm-smmu-v3-gerror") == 0


def test_frames_come_at_the_panels_rate(drawn: Run) -> None:
    started = np.array([record.started for record in drawn.records])
    assert len(started) > 2
    assert set(np.diff(started)) == {PANEL_FRAME}


def test_every_byte_came_by_the_display_through_its_stream_of_the_smmu(drawn: Run) -> None:
    assert drawn.records and all(record.complete for record in drawn.records)
    assert all(drawn.mapped)
    for record in drawn.records:
        pages = (record.iova >> PAGE_SHIFT) + np.arange(len(record.frames))
        assert not np.isin(pages, record.frames).any()
    machine = drawn.boot.booted.machine
    traffic = machine.bus.master("lcdif@90a0000").traffic
    frames = np.unique(np.concatenate([record.frames for record in drawn.records]))
    read, written = traffic.total()
    assert (read, written) == traffic.total(frames)
    assert written == 0
    assert read // SIZE == len(drawn.records)  # and some of the frame during which Linux switched off


def test_a_stream_that_linux_does_not_know_is_stopped_and_reported(
    plan_for: MakePlan, tmp_path: Path
) -> None:
    """The board as it is, a device tree without the display's `iommus`: mxsfb programs physical addresses."""
    untold = plan_for(variant(tmp_path, (IOMMUS, "")))
    run = linux(replace(plan_for(VIRT), dtb=untold.dtb))
    assert fact(run.section("framebuffer"), "checksum") == checksum(pattern(WIDTH, HEIGHT))
    assert run.screen.picture is None
    assert {record.fault for record in run.records} == {f"C_BAD_STREAMID at iova {run.records[0].iova:#x}"}
    assert run.interrupts("arm-smmu-v3-evtq") > 0
    assert not any(run.mapped)
    assert run.boot.booted.machine.bus.master("lcdif@90a0000").traffic.total() == (0, 0)
    run.boot.booted.machine.close()
