"""The first file system of the test guests: a static /init from the C files in init/, and modules.

    python -m tests.guests.initramfs [--full] [MODULE ...]     builds it in the cache and prints where it is

The modules are those of the cloud images' kernel, or of the full one. What /init can do is said at
the top of init/init.c.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.metadata
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.guests.cache import Cache
from tests.guests.cpio import CharacterDevice, Directory, Entry, File, archive
from tests.guests.kernel import LinuxKernel
from tests.guests.packages import CLOUD_KERNEL, FULL_KERNEL, Packages

SOURCES = Path(__file__).parent / "init"
FLAGS = ("-target", "aarch64-linux-musl", "-mcpu=cortex_a72", "-std=gnu11", "-static", "-Os", "-s")
WARNINGS = ("-Wall", "-Wextra", "-Werror")
DIGEST_LENGTH = 16


class BuildError(Exception):
    """The compiler's complaint."""


def initramfs(cache: Cache, modules: Mapping[str, bytes]) -> Path:
    """The archive, compressed, with the named modules in the order in which /init is to insert them."""
    entries: dict[str, Entry] = {name: Directory() for name in ("dev", "proc", "sys", "root")}
    entries["dev/console"] = CharacterDevice(5, 1)  # the kernel opens it for /init before anything is mounted
    entries["dev/null"] = CharacterDevice(1, 3, 0o666)
    entries["init"] = File(init(cache, SOURCES).read_bytes(), 0o755)
    if modules:
        entries["modules"] = Directory()
    for number, (name, data) in enumerate(modules.items()):
        entries[f"modules/{number:02}-{name}.ko"] = File(data)
    packed = gzip.compress(archive(entries), mtime=0)
    name = f"initramfs-{_digest(packed)}.cpio.gz"

    def write(path: Path) -> None:
        path.write_bytes(packed)

    return cache.get(name, write)


def init(cache: Cache, directory: Path) -> Path:
    """The program, compiled once for each state of its sources, its flags and the compiler."""
    sources = sorted(directory.glob("*.c"))
    texts = [path.read_bytes() for path in sources + sorted(directory.glob("*.h"))]
    compiler = importlib.metadata.version("ziglang")
    recipe = " ".join((compiler, *FLAGS, *WARNINGS))
    digest = _digest(recipe.encode(), *texts)
    return cache.get(f"init-{digest}", lambda output: _compile(sources, output))


def _compile(sources: list[Path], output: Path) -> None:
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *WARNINGS, *map(str, sources)]
    done = subprocess.run([*command, "-o", str(output)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(done.stderr.strip())


def _digest(*parts: bytes) -> str:
    """Of the parts as they are, so that none can borrow a byte from the next."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:DIGEST_LENGTH]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.guests.initramfs")
    parser.add_argument("--full", action="store_true", help="modules of the kernel that has them all")
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    options = parser.parse_args(arguments)
    packages = Packages.of_user()
    package = FULL_KERNEL if options.full else CLOUD_KERNEL
    kernel = LinuxKernel(packages.get(package)) if options.modules else None
    print(initramfs(packages.cache, kernel.modules(options.modules) if kernel else {}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
