"""Guests for tests; a conftest.py imports the fixtures it wants.

A test is skipped, with the reason, where its guest cannot be had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.guests import initramfs as build
from tests.guests.errors import GuestUnavailable
from tests.guests.kernel import LinuxKernel
from tests.guests.packages import CLOUD_KERNEL, FULL_KERNEL, U_BOOT, Packages

MakeInitramfs = Callable[..., Path]
"""`make(modules=["sp805_wdt"])`, with `kernel=` if they are another kernel's than the cloud's."""


@pytest.fixture(scope="session")
def packages() -> Packages:
    return Packages.of_user()


@pytest.fixture(scope="session")
def linux_kernel(packages: Packages) -> LinuxKernel:
    """Debian's kernel for virtual machines."""
    return LinuxKernel(get_or_skip(packages, CLOUD_KERNEL))


@pytest.fixture(scope="session")
def full_linux_kernel(packages: Packages) -> LinuxKernel:
    """Debian's kernel with all modules."""
    return LinuxKernel(get_or_skip(packages, FULL_KERNEL))


@pytest.fixture(scope="session")
def u_boot(packages: Packages) -> Path:
    """U-Boot for the machine "virt", a flat image that runs from address 0."""
    return get_or_skip(packages, U_BOOT) / "usr/lib/u-boot/qemu_arm64/u-boot.bin"


@pytest.fixture(scope="session")
def initramfs(packages: Packages, linux_kernel: LinuxKernel) -> MakeInitramfs:
    """Builds our /init with modules and those they need."""

    def make(modules: Iterable[str] = (), kernel: LinuxKernel = linux_kernel) -> Path:
        return build.initramfs(packages.cache, kernel.modules(modules))

    return make


def get_or_skip(packages: Packages, package: str) -> Path:
    """The files of the package; skips the test where they cannot be had."""
    try:
        return packages.get(package)
    except GuestUnavailable as error:
        pytest.skip(str(error))
