"""Packages are fetched with Debian's apt, here from a repository of the test's own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.guests import fetch
from tests.guests.apt import Apt
from tests.guests.cache import Cache
from tests.guests.errors import GuestUnavailable
from tests.guests.fixtures import get_or_skip
from tests.guests.packages import CLOUD_KERNEL, FULL_KERNEL, U_BOOT, Packages
from tests.guests.repository import Repository

IMAGE = "linux-image-6.1.0-1-cloud-arm64"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """U-Boot for every architecture, and a kernel behind its metapackage."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing: this is not Debian")
    repository = Repository(tmp_path / "repository")
    repository.add(U_BOOT, "2023.01-1", {"u-boot.bin": "old"}, architecture="all")
    repository.add(IMAGE, "6.1.9-1", {"boot/vmlinuz": "linux"})
    repository.add(CLOUD_KERNEL, "6.1.9-1", {}, depends=f"{IMAGE} (= 6.1.9-1), busybox | bash")
    return repository


@pytest.fixture
def packages(tmp_path: Path, repository: Repository) -> Packages:
    root = tmp_path / "cache"
    return Packages(Cache(root), Apt(root / "apt", repository.sources))


def test_a_package_is_fetched_when_it_is_asked_for(packages: Packages) -> None:
    assert (packages.get(U_BOOT) / "u-boot.bin").read_text() == "old"


def test_a_metapackage_stands_for_the_kernel_it_depends_on(packages: Packages) -> None:
    path = packages.get(CLOUD_KERNEL)
    assert path.name == f"{IMAGE}_6.1.9-1"
    assert (path / "boot/vmlinuz").read_text() == "linux"


def test_what_is_in_the_cache_needs_no_repository(packages: Packages, repository: Repository) -> None:
    path = packages.get(U_BOOT)
    shutil.rmtree(repository.root)
    assert packages.get(U_BOOT) == path
    with pytest.raises(GuestUnavailable):
        packages.get(CLOUD_KERNEL)


def test_a_fetch_takes_the_newest_version_and_keeps_the_old(
    packages: Packages, repository: Repository
) -> None:
    old = packages.get(U_BOOT)
    repository.add(U_BOOT, "1:2009.11-1", {"u-boot.bin": "new"}, architecture="all")
    assert packages.get(U_BOOT) == old
    packages.fetch([U_BOOT])
    new = packages.get(U_BOOT)
    assert new.name == "u-boot-qemu_1_2009.11-1"
    assert (new / "u-boot.bin").read_text() == "new"
    assert (old / "u-boot.bin").read_text() == "old"


def test_nothing_but_packages_lists_and_the_lock_is_left(packages: Packages) -> None:
    packages.fetch([U_BOOT, CLOUD_KERNEL])
    found = {path.name for path in packages.cache.root.iterdir()}
    assert found == {"apt", "lock", U_BOOT, f"{U_BOOT}_2023.01-1", CLOUD_KERNEL, f"{IMAGE}_6.1.9-1"}


def test_a_package_that_is_not_as_listed_is_refused(packages: Packages, repository: Repository) -> None:
    archive = repository.add("u-boot-menu", "1", {"file": "text"}, architecture="all")
    archive.write_bytes(archive.read_bytes()[:-1] + b"!")
    with pytest.raises(
        GuestUnavailable, match=r"^apt cannot download u-boot-menu 1: .*[Hh]ash [Ss]um mismatch"
    ):
        packages.get("u-boot-menu")
    assert not (packages.cache.root / "u-boot-menu").exists()


def test_a_package_that_is_no_archive_is_refused(packages: Packages, repository: Repository) -> None:
    archive = repository.root / "menu.deb"
    archive.write_text("no archive")
    repository.offer("Package: u-boot-menu\nVersion: 1\nArchitecture: all\n", archive)
    with pytest.raises(GuestUnavailable, match=r"^cannot unpack u-boot-menu_1_all\.deb: .*archive"):
        packages.get("u-boot-menu")
    assert not (packages.cache.root / "u-boot-menu").exists()


def test_a_package_of_another_architecture_is_not_found(packages: Packages, repository: Repository) -> None:
    repository.add("u-boot-rpi", "1", {}, architecture="armhf")
    with pytest.raises(
        GuestUnavailable, match="^apt has no package u-boot-rpi for arm64: its sources do not list it$"
    ):
        packages.get("u-boot-rpi")


def test_without_a_repository_the_reason_is_apts(packages: Packages, repository: Repository) -> None:
    shutil.rmtree(repository.root)
    with pytest.raises(GuestUnavailable) as caught:
        packages.get(U_BOOT)
    assert re.fullmatch(r"apt has no package u-boot-qemu for arm64: .+", str(caught.value))
    assert "\n" not in str(caught.value)


def test_without_apt_the_reason_says_so(packages: Packages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(GuestUnavailable, match="^apt-get is missing: guests are packages of Debian$"):
        packages.get(U_BOOT)


def run_fetch(packages: Packages, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(Packages, "of_user", lambda: packages)
    return fetch.main(list(arguments))


def test_the_script_says_where_the_guests_are(
    packages: Packages, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_fetch(packages, monkeypatch) == 0
    root = packages.cache.root
    assert capsys.readouterr().out.splitlines() == [
        f"{U_BOOT}: {root / U_BOOT}_2023.01-1",
        f"{CLOUD_KERNEL}: {root / IMAGE}_6.1.9-1",
    ]


def test_the_script_fails_for_a_guest_that_cannot_be_had(
    packages: Packages, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_fetch(packages, monkeypatch, "--full") == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == f"{FULL_KERNEL}: missing"
    assert captured.err.startswith(f"fetch: apt has no package {FULL_KERNEL} for arm64: ")
    assert captured.err.count("\n") == 1


def test_the_script_is_content_with_what_it_has(
    packages: Packages,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    packages.fetch([U_BOOT, CLOUD_KERNEL])
    shutil.rmtree(repository.root)
    assert run_fetch(packages, monkeypatch) == 0
    assert "missing" not in capsys.readouterr().out


def test_a_test_is_skipped_with_the_reason(packages: Packages) -> None:
    reason = f"^apt has no package {FULL_KERNEL} for arm64: its sources do not list it$"
    with pytest.raises(pytest.skip.Exception, match=reason):
        get_or_skip(packages, FULL_KERNEL)
