"""Debian's Linux with our /init on one of our boards, in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.boot.running import VIRT, Run, boot
from tests.guests.fixtures import MakeInitramfs
from tests.guests.kernel import LinuxKernel

PATIENCE = 60
"""Seconds of the machine's time, far more than any of these takes."""

BootLinux = Callable[..., Run]
"""`boot_linux("drivers warnings", *options, board=VIRT, modules=(), parameters="")`."""


def arguments(
    kernel: LinuxKernel, archive: Path, tasks: str, board: Path = VIRT, parameters: str = ""
) -> Sequence[object]:
    """The words behind `soc boot`; `tasks` are what /init is to do, `parameters` the kernel's own."""
    line = " ".join(f"console=ttyAMA0 {parameters} -- {tasks}".split())
    return board, kernel.image, "--initrd", archive, "--append", line, "--max-time", PATIENCE


@pytest.fixture(scope="session")
def boot_linux(linux_kernel: LinuxKernel, initramfs: MakeInitramfs) -> BootLinux:
    def run(
        tasks: str,
        *options: object,
        board: Path = VIRT,
        modules: Sequence[str] = (),
        parameters: str = "",
    ) -> Run:
        words = arguments(linux_kernel, initramfs(modules), tasks, board, parameters)
        return boot(*words, *options)

    return run
