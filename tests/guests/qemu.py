"""QEMU's machine "virt" with one Cortex-A72: the oracle for our guests, and the measure of our speed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.guests.console import Session, converse

PROGRAM, PACKAGE = "qemu-system-aarch64", "qemu-system-arm"
MEBIBYTES = 512
MACHINE = (
    "-M",
    "virt",
    "-cpu",
    "cortex-a72",
    "-m",
    str(MEBIBYTES),
    "-nographic",
    "-no-reboot",
    "-nic",
    "none",
)
"""No network card: its boot ROM is a package of its own. A reboot ends the run."""


def run_qemu(
    kernel: Path, initramfs: Path, append: str, timeout: float, answers: Sequence[tuple[str, str]] = ()
) -> Session:
    """Boot Linux with the UART as terminal, until it powers off or reboots."""
    command = [PROGRAM, *MACHINE, "-kernel", str(kernel), "-initrd", str(initramfs), "-append", append]
    return converse(command, timeout, answers)


def run_qemu_firmware(image: Path, timeout: float, answers: Sequence[tuple[str, str]]) -> Session:
    """Start a flat image in the boot ROM, until it powers off or resets the machine."""
    return converse([PROGRAM, *MACHINE, "-bios", str(image)], timeout, answers)
