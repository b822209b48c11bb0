"""The guests' packages, each unpacked in a directory of the cache."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.guests.apt import Apt, unpack
from tests.guests.cache import Cache, cache_directory

U_BOOT = "u-boot-qemu"
CLOUD_KERNEL = "linux-image-cloud-arm64"
FULL_KERNEL = "linux-image-arm64"
"""Has the modules the other leaves out, such as pl330 and mxsfb, and is three times its size."""


class Packages:
    """Packages by name; the name of a kernel's metapackage stands for the kernel it depends on."""

    def __init__(self, cache: Cache, apt: Apt) -> None:
        self.cache = cache
        self.apt = apt

    @classmethod
    def of_user(cls) -> Packages:
        """In the user's cache, from the system's sources."""
        cache = Cache(cache_directory())
        return cls(cache, Apt(cache.root / "apt"))

    def get(self, package: str) -> Path:
        """The files of the package: what was fetched last, fetched now if there is nothing."""
        current = self.cache.root / package
        if not current.exists():
            self.fetch([package])
        return current.resolve()

    def fetch(self, packages: Iterable[str]) -> None:
        """Ask for the newest versions and fetch those that are not here yet. Raises GuestUnavailable."""
        with self.cache.locked():
            self.apt.update()
            for package in packages:
                self._fetch(package)

    def _fetch(self, package: str) -> None:
        candidate = self.apt.candidate(package)
        images = [name for name in candidate.depends if name.startswith("linux-image-")]
        if images:
            candidate = self.apt.candidate(images[0])

        def make(directory: Path) -> None:
            archive = self.apt.download(candidate.package, candidate.version, directory.parent)
            unpack(archive, directory)
            archive.unlink()

        # a colon of an epoch is at home in neither PATH-like lists nor make rules
        version = candidate.version.replace(":", "_")
        self.cache.point(package, self.cache.put(f"{candidate.package}_{version}", make))
