"""Files and modules of a kernel package: made-up ones here, Debian's own in the boot tests."""

from __future__ import annotations

import lzma
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guests.kernel import LinuxKernel

VERSION = "6.1.0-1-cloud-arm64"


def compile_module(tmp_path: Path, depends: str) -> bytes:
    """An object file that depends on the modules `depends`, with a comma between two."""
    source, output = tmp_path / "module.s", tmp_path / "module.o"
    source.write_text(
        f'.section .modinfo,"a"\n.asciz "license=GPL"\n.asciz "depends={depends}"\n.asciz "name=x"\n'
    )
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-musl", "-c", str(source)]
    subprocess.run([*command, "-o", str(output)], check=True, capture_output=True)
    return output.read_bytes()


@pytest.fixture
def kernel(tmp_path: Path) -> LinuxKernel:
    root = tmp_path / "root"
    texts = {"vmlinuz": "image", "config": "CONFIG_CMA=y\n"}
    (root / "boot").mkdir(parents=True)
    for name, text in texts.items():
        (root / "boot" / f"{name}-{VERSION}").write_text(text)
    modules = root / "usr/lib/modules" / VERSION / "kernel"
    for path, depends in {
        "drivers/gpu/mxsfb.ko": "drm,drm-helper",
        "drivers/gpu/drm_helper.ko": "drm",
        "drivers/gpu/drm.ko": "",
        "drivers/watchdog/sp805-wdt.ko": "",
    }.items():
        (modules / path).parent.mkdir(parents=True, exist_ok=True)
        (modules / path).write_bytes(compile_module(tmp_path, depends))
    packed = lzma.compress(compile_module(tmp_path, "drm"))
    (modules / "drivers/gpu/etnaviv.ko.xz").write_bytes(packed)
    return LinuxKernel(root)


def test_image_and_configuration(kernel: LinuxKernel) -> None:
    assert kernel.image.read_text() == "image"
    assert kernel.config == "CONFIG_CMA=y\n"


def test_modules_come_after_those_they_need(kernel: LinuxKernel) -> None:
    assert list(kernel.modules(["mxsfb"])) == ["drm", "drm_helper", "mxsfb"]
    assert list(kernel.modules(["drm-helper", "drm", "sp805_wdt"])) == ["drm", "drm_helper", "sp805_wdt"]


def test_a_dash_in_a_name_is_an_underscore(kernel: LinuxKernel) -> None:
    assert kernel.module("sp805_wdt") == kernel.module("sp805-wdt")


def test_a_compressed_module_is_unpacked(kernel: LinuxKernel) -> None:
    assert kernel.module("etnaviv").startswith(b"\x7fELF")
    assert list(kernel.modules(["etnaviv"])) == ["drm", "etnaviv"]


def test_what_the_package_does_not_have_is_a_lookup_error(kernel: LinuxKernel) -> None:
    with pytest.raises(LookupError, match=r"^root has 0 files like .*dmatest\.ko"):
        kernel.modules(["dmatest"])
