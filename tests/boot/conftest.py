"""Guests for the machine to boot: Debian's, and small programs of our own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.boot.linux import boot_linux
from tests.boot.programs import programs
from tests.devicetree.dtc import Dtc
from tests.guests.fixtures import full_linux_kernel, initramfs, linux_kernel, packages, u_boot

__all__ = [
    "boot_linux",
    "dtc",
    "full_linux_kernel",
    "initramfs",
    "linux_kernel",
    "packages",
    "programs",
    "u_boot",
]


@pytest.fixture(scope="session")
def dtc(debian_tool: Callable[[str, str], Path]) -> Dtc:
    return Dtc(debian_tool("dtc", "device-tree-compiler"))
