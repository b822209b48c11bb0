"""The device tree that a guest is given: what is in memory, what --dtb-out keeps, what dtc reads in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from soc.address import PhysAddr
from soc.boot.assemble import Booted, assemble, prepare
from soc.boot.request import Request
from soc.devicetree.tree import load_board
from tests.boot.image_files import linux_image
from tests.boot.programs import Programs
from tests.boot.running import VIRT, boot, variant
from tests.devicetree.dtc import Dtc

INITRD = b"070701" + bytes(5000)
ARGUMENTS = 'console=ttyAMA0 quote="a b" -- tab\there ä'


@pytest.fixture
def initrd(tmp_path: Path) -> Path:
    path = tmp_path / "initrd"
    path.write_bytes(INITRD)
    return path


def in_memory(request: Request, check) -> bytes:
    """The tree that x0 points to when the guest starts; `check` is called with the machine."""
    plan = prepare(request)
    booted: Booted = assemble(plan)
    try:
        check(booted)
        address = booted.guest.cpu.x(0)
        size = int.from_bytes(booted.machine.dram.view(PhysAddr(address + 4), 4).tobytes(), "big")
        return booted.machine.dram.view(PhysAddr(address), size).tobytes()
    finally:
        booted.machine.close()


@pytest.mark.parametrize("kind", ["Linux", "flat", "ELF"])
def test_the_file_is_what_is_in_memory(programs: Programs, initrd: Path, tmp_path: Path, kind: str) -> None:
    image, out = tmp_path / "image", tmp_path / "out.dtb"
    loop = (0x1400_0000).to_bytes(4, "little")
    if kind == "ELF":
        image = programs.file("hang")
    else:
        image.write_bytes(linux_image() if kind == "Linux" else loop)
    options = ["--initrd", initrd, "--append", ARGUMENTS, "--kaslr", "--seed", 7, "--dtb-out", out]
    assert boot(VIRT, image, *options, "--max-time", 0.0001).status == 1

    def starts_as_the_boot_protocol_says(booted: Booted) -> None:
        cpu = booted.guest.cpu
        assert [cpu.x(number) for number in (1, 2, 3)] == [0, 0, 0]
        assert cpu.x(0) % 8 == 0
        assert cpu.exception_level == 1

    request = Request(VIRT, image, initrd, ARGUMENTS, kaslr=True, seed=7)
    assert in_memory(request, starts_as_the_boot_protocol_says) == out.read_bytes()


def test_dtc_reads_what_was_chosen(programs: Programs, initrd: Path, tmp_path: Path, dtc: Dtc) -> None:
    out = tmp_path / "out.dtb"
    run = boot(VIRT, programs.file("off"), "--initrd", initrd, "--append", ARGUMENTS, "--dtb-out", out)
    assert run.status == 0
    again, warnings = dtc.reread(out.read_bytes())
    assert warnings == ""
    text = dtc.decompile(again)
    [chosen] = re.findall(r"\tchosen \{\n(.*?)\n\t\};", text, re.DOTALL)
    values = dict(line.strip().rstrip(";").split(" = ", 1) for line in chosen.splitlines())
    assert set(values) == {
        "stdout-path",
        "rng-seed",
        "bootargs",
        "linux,initrd-start",
        "linux,initrd-end",
    }
    assert values["stdout-path"] == '"serial0:115200n8"'
    assert bytes.fromhex(values["bootargs"].strip("[]")) == ARGUMENTS.encode() + b"\0"
    assert len(values["rng-seed"].strip("<>").split()) == 64 // 4
    start, end = (cells(values[f"linux,initrd-{edge}"]) for edge in ("start", "end"))
    bank = load_board(VIRT).memory[0]
    assert bank.base < start < end <= bank.end
    assert end - start == len(INITRD)


def cells(value: str) -> int:
    """A number of two cells."""
    high, low = value.strip("<>").split()
    return int(high, 0) << 32 | int(low, 0)


def test_the_initrd_is_where_the_tree_says(
    programs: Programs, initrd: Path, tmp_path: Path, dtc: Dtc
) -> None:
    def holds_it(booted: Booted) -> None:
        found = booted.machine.dram.view(PhysAddr(at), len(INITRD)).tobytes()
        assert found == INITRD

    plan = prepare(Request(VIRT, programs.file("off"), initrd))
    [at] = re.findall(r"linux,initrd-start = <(\S+ \S+)>", dtc.decompile(plan.dtb))
    at = cells(at)
    in_memory(Request(VIRT, programs.file("off"), initrd), holds_it)


def test_without_options_only_the_seed_is_added(programs: Programs, tmp_path: Path, dtc: Dtc) -> None:
    """And everything else is the board's."""
    out = tmp_path / "out.dtb"
    boot(VIRT, programs.file("off"), "--dtb-out", out)
    text = dtc.decompile(out.read_bytes())
    added = re.findall(r"\n\t\trng-seed = <[^>]*>;", text)
    board = tmp_path / "board.dts"
    board.write_text(text.replace(added[0], ""))
    assert len(added) == 1
    assert [node.path for node in load_board(board).walk()] == [node.path for node in load_board(VIRT).walk()]
    assert "bootargs" not in text and "initrd" not in text and "kaslr" not in text


def test_arguments_replace_the_boards_own(programs: Programs, tmp_path: Path, dtc: Dtc) -> None:
    board = variant(tmp_path, ("  stdout-path: serial0:115200n8\n", "  bootargs: quiet\n"))
    out = tmp_path / "out.dtb"
    for options, shown in (([], '"quiet"'), (["--append", "loud"], '"loud"'), (["--append", ""], "[00]")):
        boot(board, programs.file("off"), "--dtb-out", out, *options)
        assert re.findall(r"bootargs = (.*);", dtc.decompile(out.read_bytes())) == [shown]


@pytest.mark.parametrize("name", ["rng-seed", "kaslr-seed"])
def test_seeds_are_the_same_until_another_is_asked_for(programs: Programs, dtc: Dtc, name: str) -> None:
    def seed(number: int) -> str:
        plan = prepare(Request(VIRT, programs.file("off"), kaslr=True, seed=number))
        [found] = re.findall(rf"{name} = <([^>]*)>", dtc.decompile(plan.dtb))
        return found

    assert seed(1) == seed(1)
    assert len({seed(number) for number in (-1, 0, 1, 2, 1 << 70)}) == 5
    assert set(seed(1).split()) != {"0x00"}


def test_the_tree_goes_to_standard_output_too(programs: Programs, tmp_path: Path) -> None:
    out = tmp_path / "out.dtb"
    boot(VIRT, programs.file("off"), "--dtb-out", out)
    assert boot(VIRT, programs.file("off"), "--dtb-out", "-").console == out.read_bytes()


def test_a_board_that_is_a_flattened_tree_boots(programs: Programs, tmp_path: Path) -> None:
    out, second = tmp_path / "out.dtb", tmp_path / "second.dtb"
    boot(VIRT, programs.file("off"), "--dtb-out", out)
    run = boot(out, programs.file("off"), "--dtb-out", second)
    assert run.status == 0
    assert second.read_bytes() == out.read_bytes()


def test_a_linux_kernel_finds_the_console_running(tmp_path: Path) -> None:
    """Which an early console relies on; other images find the UART off."""
    put = [0xD2A12001, 0x52800B42, 0x39000022, 0xD2B08000, 0xF2800100, 0xD4000003]
    words = b"".join(word.to_bytes(4, "little") for word in put)  # 'Z' to the UART, SYSTEM_OFF
    kernel, flat = tmp_path / "Image", tmp_path / "flat"
    image = linux_image()
    kernel.write_bytes(image[:256] + words + image[256 + len(words) :])
    flat.write_bytes(words)
    runs = [boot(VIRT, path, "--max-time", 0.001) for path in (kernel, flat)]
    assert [(run.status, run.console) for run in runs] == [(0, b"Z"), (0, b"")]
