"""Builds the firmware: register headers from the tables, then the ELF file from C and assembly.

    python -m firmware.build            rewrites include/regs/ and camera_to_display.elf
    python -m firmware.build --check    changes nothing; exit 1 if they are not what a build gives

The same sources give the same bytes on every machine and in any directory: the
compiler is pinned (ziglang, with clang and lld inside), works on relative
paths, and leaves no paths, debug information or build id in the file. Symbols
stay, because reports name functions by them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from devices.catalogue import tables
from soc.regdoc import write_headers

FIRMWARE = Path(__file__).resolve().parent
ELF = FIRMWARE / "camera_to_display.elf"
HEADERS = FIRMWARE / "include" / "regs"
TABLES = tables()

FLAGS = (
    "-target",
    "aarch64-freestanding-none",
    "-mcpu=cortex_a72+strict_align",  # all memory is device memory until the MMU is on
    # No SIMD registers, so that interrupts need not save them. ziglang names every feature of the
    # processor after -mgeneral-regs-only, which would have no effect; this comes later still.
    "-Xclang",
    "-target-feature",
    "-Xclang",
    "-fp-armv8",
    "-std=gnu11",
    "-O2",
    "-g0",
    "-ffreestanding",
    "-fno-builtin",
    "-nostdlib",
    "-static",
    "-fno-pic",
    "-fno-pie",
    "-fno-ident",
    "-fno-sanitize=all",
    "-fno-stack-protector",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-fomit-frame-pointer",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Iinclude",
    "-Wl,--build-id=none",
    "-Wl,-z,max-page-size=4096",
    "-Wl,-T,link.ld",
)


class BuildError(Exception):
    """The compiler did not accept the sources; the message is its output."""


def sources(firmware: Path = FIRMWARE) -> list[str]:
    """Every source file, relative to the firmware's folder, in the order of linking."""
    return sorted(path.relative_to(firmware).as_posix() for path in (firmware / "src").glob("*.[cS]"))


def compile_elf(output: Path, firmware: Path = FIRMWARE) -> None:
    """Compile and link the sources of the folder `firmware` to `output`. Raises BuildError."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "ZIG_LOCAL_CACHE_DIR": cache, "ZIG_GLOBAL_CACHE_DIR": cache}
        command = [
            sys.executable,
            "-m",
            "ziglang",
            "cc",
            *FLAGS,
            *sources(firmware),
            "-o",
            str(output.resolve()),
        ]
        result = subprocess.run(command, cwd=firmware, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise BuildError(result.stderr.strip())


def stale(directory: Path) -> list[Path]:
    """Build everything in the empty `directory`; the files of the repository that differ from it."""
    copy = directory / "firmware"
    shutil.copytree(FIRMWARE, copy, ignore=shutil.ignore_patterns("*.elf", "regs", "__pycache__"))
    fresh = write_headers(TABLES, copy / "include" / "regs")
    compile_elf(copy / ELF.name, copy)
    kept = {path.name: path for path in (*HEADERS.glob("*.h"), ELF)}
    built = {path.name: path for path in (*fresh, copy / ELF.name)}
    names = sorted(kept.keys() | built.keys())
    return [kept.get(name, HEADERS / name) for name in names if _content(kept, name) != _content(built, name)]


def _content(files: dict[str, Path], name: str) -> bytes | None:
    path = files.get(name)
    return path.read_bytes() if path and path.is_file() else None


def main(arguments: list[str] | None = None) -> int:
    """The command above; exit status 1 when the build fails or `--check` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m firmware.build", description="Build the firmware.")
    parser.add_argument("--check", action="store_true", help="change nothing, compare with a fresh build")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            with tempfile.TemporaryDirectory() as directory:
                different = stale(Path(directory))
            for path in different:
                print(f"{path.relative_to(FIRMWARE.parent)} is not what a build gives", file=sys.stderr)
            return 1 if different else 0
        write_headers(TABLES, HEADERS)
        compile_elf(ELF)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{ELF.relative_to(FIRMWARE.parent)}: {ELF.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
