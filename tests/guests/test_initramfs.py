"""The build of /init and of the archive it is in."""

from __future__ import annotations

import gzip
import io
import shutil
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.guests import initramfs as build
from tests.guests.cache import Cache
from tests.guests.initramfs import SOURCES, BuildError
from tests.guests.kernel import LinuxKernel
from tests.guests.packages import Packages


@pytest.fixture(scope="session")
def cache(packages: Packages) -> Cache:
    """The user's: /init is the same for every test."""
    return packages.cache


def test_init_is_static_and_for_aarch64(cache: Cache) -> None:
    elf = ELFFile(io.BytesIO(build.init(cache, SOURCES).read_bytes()))
    assert elf["e_machine"] == "EM_AARCH64"
    assert {segment["p_type"] for segment in elf.iter_segments()}.isdisjoint({"PT_INTERP", "PT_DYNAMIC"})


def test_the_same_parts_give_the_same_file(cache: Cache) -> None:
    first = build.initramfs(cache, {"a": b"1"})
    assert build.initramfs(cache, {"a": b"1"}) == first
    assert build.initramfs(cache, {"a": b"2"}) != first
    assert build.initramfs(cache, {}) != first


def test_modules_are_named_in_their_order(cache: Cache) -> None:
    data = gzip.decompress(build.initramfs(cache, {"z": b"first", "a": b"second"}).read_bytes())
    assert 0 < data.index(b"modules/00-z.ko\0") < data.index(b"modules/01-a.ko\0")


def test_the_command_prints_where_the_archive_is(
    capsys: pytest.CaptureFixture[str], cache: Cache, full_linux_kernel: LinuxKernel
) -> None:
    assert build.main(["--full", "mxsfb", "panel-simple"]) == 0
    expected = build.initramfs(cache, full_linux_kernel.modules(["mxsfb", "panel-simple"]))
    assert capsys.readouterr().out == f"{expected}\n"


def test_a_changed_source_is_another_program(tmp_path: Path) -> None:
    sources = tmp_path / "init"
    shutil.copytree(SOURCES, sources)
    cache = Cache(tmp_path / "cache")
    before = build.init(cache, sources)
    with (sources / "tasks.h").open("a") as header:
        header.write("/* changed */\n")
    assert build.init(cache, sources) != before


def test_a_warning_of_the_compiler_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text("int main(void) { int unused; return 0; }\n")
    cache = Cache(tmp_path / "cache")
    with pytest.raises(BuildError, match="unused variable 'unused'"):
        build.init(cache, tmp_path)
    assert not list(cache.root.glob("init-*"))
