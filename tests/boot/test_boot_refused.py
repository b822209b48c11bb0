"""What `soc boot` cannot do is one line on standard error and status 2, and no run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.boot.image_files import (
    ARM64_PE,
    BASE,
    CODE,
    GOOD_ELF,
    X86_PE,
    branch,
    efi_image,
    elf,
    linux_image,
    pe_header,
)
from tests.boot.programs import Programs
from tests.boot.running import VIRT, boot, complaint, variant

MIB = 1 << 20
SMALL = """\
'#address-cells': 2
'#size-cells': 2
cpus:
  '#address-cells': 1
  '#size-cells': 0
  cpu@0: {device_type: cpu, compatible: "arm,cortex-a72", reg: [[0]]}
memory@40000000: {device_type: memory, reg: [[0x40000000, 16M]]}
serial@9000000: {compatible: "arm,pl011", reg: [[0x9000000, 0x1000]]}
"""


@pytest.fixture
def small(tmp_path: Path):
    """`small(dropped)`: a board of a core, 16 MiB of DRAM and a UART, less the line that begins so."""

    def write(dropped: str = "-") -> Path:
        path = tmp_path / "small.yaml"
        kept = [line for line in SMALL.splitlines() if not line.strip().startswith(dropped)]
        path.write_text("\n".join(kept) + "\n", encoding="utf-8")
        return path

    return write


def image(directory: Path, data: bytes) -> Path:
    path = directory / "image"
    path.write_bytes(data)
    return path


DRAM = "DRAM (0x40000000..0x5fffffff) or a ROM (0x0..0x3ffffff, 0x4000000..0x7ffffff)"


# --- files ------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["image", "initrd", "symbols"])
@pytest.mark.parametrize(
    ("name", "reason"),
    [("nothing", "No such file or directory"), ("", "Is a directory")],
    ids=["no such file", "a directory"],
)
def test_files_that_cannot_be_read(tmp_path: Path, missing: str, name: str, reason: str) -> None:
    path = tmp_path / name
    options = [] if missing == "image" else [image(tmp_path, CODE), f"--{missing}"]
    assert complaint(VIRT, *options, path) == f"soc: {path}: cannot be read: {reason}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "cannot read the board: No such file or directory"),
        (
            "model: [\n",
            "not YAML: expected the node content, but found '<stream end>' while parsing a flow node",
        ),
        ("model: {}\nmodel: {}\n", "duplicate node model"),
    ],
    ids=["no such file", "no YAML", "no board"],
)
def test_boards_that_cannot_be_read(tmp_path: Path, text: str | None, problem: str) -> None:
    board = tmp_path / "board.yaml"
    if text is not None:
        board.write_text(text, encoding="utf-8")
    assert complaint(board, image(tmp_path, CODE)).startswith(f"soc: {board}:")
    assert problem in complaint(board, image(tmp_path, CODE))


IMAGES = {
    "empty": (b"", "the image is empty"),
    "truncated Linux": (
        linux_image(code0=branch(1 << 20)),
        "truncated: an arm64 Linux Image that goes on to byte 1048580 by its own headers, "
        "and the file has 8192; fetch or build it again",
    ),
    "truncated Linux with an EFI stub": (
        efi_image(sections=((4096, 65536),)),
        "truncated: an arm64 Linux Image that goes on to byte 69632 by its own headers, "
        "and the file has 8192; fetch or build it again",
    ),
    "truncated ELF": (
        GOOD_ELF[:-1],
        "truncated: the segment at 0x40000000 ends at byte 128 of the file, which has 127",
    ),
    "x86-64 ELF": (
        elf((BASE, CODE, 16), machine=62),
        "must be a little-endian ELF64 for AArch64, not x64",
    ),
    "32-bit Arm ELF": (
        elf((BASE, CODE, 16), machine=40),
        "must be a little-endian ELF64 for AArch64, not ARM",
    ),
    "x86-64 PE": (
        efi_image(machine=X86_PE),
        "an arm64 Linux Image by its magic, but for x86-64 by its PE header: damaged, or not a kernel",
    ),
    "EFI program": (
        b"MZ".ljust(60, b"\0") + b"\x40\0\0\0" + pe_header(ARM64_PE),
        "is an EFI program for AArch64, and no EFI is here: give an arm64 kernel (arch/arm64/boot/Image)",
    ),
    "position-independent ELF": (
        elf((BASE, CODE, 16), kind=3),
        "a position-independent ELF file (ET_DYN), as vmlinux and U-Boot's are, must be linked to fixed "
        "addresses (ET_EXEC): give the kernel's Image or U-Boot's u-boot.bin",
    ),
    "Linux for 16 KiB pages": (
        linux_image(flags=0b1100),
        "a kernel for pages of 16 KiB, and the core has only 4 KiB and 64 KiB: "
        "give one that is built for those",
    ),
    "kernel larger than DRAM": (
        linux_image(image_size=1 << 30),
        "no room for the kernel (1 GiB, aligned to 2 MiB): DRAM is 0x40000000..0x5fffffff, taken are "
        "/reserved-memory/linux,cma@50000000 at 0x50000000..0x53ffffff, "
        "/reserved-memory/framebuffer@58000000 at 0x58000000..0x59ffffff; "
        "give the board more memory or reserve less of it",
    ),
    "ELF outside memory": (
        elf((0x2000_0000, CODE, 16), entry=0x2000_0000),
        f"segment 0 at 0x20000000..0x2000000f (16 B) does not lie in {DRAM}",
    ),
    "ELF over the CMA area": (
        elf((0x5000_0000, CODE, 16), entry=0x5000_0000),
        "segment 0 at 0x50000000..0x5000000f (16 B) lies over /reserved-memory/linux,cma@50000000 "
        "at 0x50000000..0x53ffffff: move one of them",
    ),
}


@pytest.mark.parametrize(("data", "problem"), IMAGES.values(), ids=IMAGES)
def test_images_that_cannot_run(tmp_path: Path, data: bytes, problem: str) -> None:
    path = image(tmp_path, data)
    assert complaint(VIRT, path) == f"soc: {path}: {problem}"


def test_kernels_for_other_pages_run(tmp_path: Path) -> None:
    for flags in (0b1000, 0b1010, 0b1110):
        assert boot(VIRT, image(tmp_path, linux_image(flags=flags)), "--max-time", 0.0001).status == 1


@pytest.mark.parametrize(
    ("size", "problem"),
    [
        (
            15 * MIB,
            "{image}: no room for the initrd (15 MiB, aligned to 64 KiB): DRAM is 0x40000000..0x40ffffff, "
            "taken are the kernel at 0x40200000..0x403fffff; "
            "give the board more memory or reserve less of it",
        ),
        (0, "{initrd}: the initrd is empty: give an initramfs (cpio) or leave --initrd out"),
    ],
)
def test_initrds_that_cannot_be_given(tmp_path: Path, small, size: int, problem: str) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(bytes(size))
    kernel = image(tmp_path, linux_image(image_size=2 * MIB))
    assert complaint(small(), kernel, "--initrd", initrd) == "soc: " + problem.format(
        image=kernel, initrd=initrd
    )


# --- boards -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("memory", "the board has no memory node, so nothing can run on it"),
        (
            "serial",
            "the board has no UART (arm,pl011), so nothing could be seen of what it boots: give it one",
        ),
        ("cpu@0", "the board has no enabled arm,cortex-a72 to run firmware on"),
    ],
)
def test_boards_that_lack_something(tmp_path: Path, small, missing: str, problem: str) -> None:
    board = small(missing)
    assert complaint(board, image(tmp_path, CODE)) == f"soc: {board}:1: {problem}"


def test_the_small_board_lacks_nothing(tmp_path: Path, small) -> None:
    assert boot(small(), image(tmp_path, CODE), "--max-time", 0.0001).status == 1


@pytest.mark.parametrize(("method", "level"), [("hvc", 2), ("hvc", 3), ("smc", 3)])
def test_psci_needs_someone_above_the_program(
    programs: Programs, tmp_path: Path, method: str, level: int
) -> None:
    board = variant(tmp_path, ("method: smc", f"method: {method}"))
    above = {"hvc": 2, "smc": 3}[method]
    assert complaint(board, programs.file("off"), "--el", level) == (
        f"soc: {board}:{line_of(board, 'psci:')}: /psci: {method} goes to EL{above}, which is the "
        f"program's own at EL{level}: start lower, or leave the node out"
    )


def line_of(board: Path, start: str) -> int:
    lines = board.read_text(encoding="utf-8").splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if line.startswith(start)]
    return number
