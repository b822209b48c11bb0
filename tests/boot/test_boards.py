"""Boards that ship, and what boots on them."""

from __future__ import annotations

from pathlib import Path

from tests.boot.running import ROOT, VIRT, VIRT_GICV3, boot

GICV3 = [
    ("model: dmabuf-soc virt board\n", "model: dmabuf-soc virt board with a GICv3\n"),
    ('"dmabuf-soc,virt"\n', '["dmabuf-soc,virt-gicv3", "dmabuf-soc,virt"]\n'),
    ("# Distributor, then CPU interface.\n", "# Distributor, then redistributor.\n"),
    ("compatible: arm,gic-400\n", "compatible: arm,gic-v3\n"),
    ("[[0x8000000, 0x1000], [0x8010000, 0x2000]]", "[[0x8000000, 0x10000], [0x80a0000, 0x20000]]"),
]


def body(path: Path) -> str:
    """The file behind its opening comment."""
    return path.read_text(encoding="utf-8").partition("\n\n")[2]


def test_the_board_with_a_gicv3_is_the_other_board_but_for_that() -> None:
    """A change to one goes into the other."""
    text = body(VIRT)
    for old, new in GICV3:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    assert body(VIRT_GICV3) == text


def test_the_rehearsal_board_boots_the_firmware_that_lives_in_its_carveout() -> None:
    """It is given a device tree instead of a picture's size, and says so."""
    image = ROOT / "firmware/camera_to_display.elf"
    run = boot(ROOT / "configs/boards/rehearsal.yaml", image, "--max-time", 1)
    assert (run.status, run.ending, run.remarks) == (0, "power off", [])
    assert "\nerror: width and height must be 1..8192, not " in run.text
