"""Guests for the machine to boot."""

from tests.guests.fixtures import full_linux_kernel, initramfs, linux_kernel, packages, u_boot

__all__ = ["full_linux_kernel", "initramfs", "linux_kernel", "packages", "u_boot"]
