"""One line for everything that has no place on a board."""

from __future__ import annotations

import pytest

from soc.address import PhysAddr
from soc.boot.images import BootImage, parse_image
from soc.boot.layout import plan
from soc.devicetree.tree import Tree
from tests.boot.boards import BANK, BASE, DTB, MIB, ROMS, board, complaint, flat, kernel
from tests.boot.image_files import CODE, elf

DRAM = f"{BASE:#x}..{BASE + BANK[1] - 1:#x}"
MORE = "give the board more memory or reserve less of it"


def small(size: int, *reserved: tuple[int, int, str]) -> Tree:
    return board([(BASE, size)], reserved)


def program(*segments: tuple[int, bytes, int], entry: int = BASE) -> BootImage:
    return parse_image(elf(*segments, entry=entry), "fw.elf")


def test_a_board_without_memory() -> None:
    assert complaint(board([]), kernel()) == (
        "board.yaml:1: the board has no memory node, so nothing can run on it"
    )


def test_a_device_tree_of_more_than_2_mib() -> None:
    assert complaint(board(), kernel(), dtb_size=2 * MIB + 1) == (
        "board.yaml:1: the device tree takes 2097153 B, Linux reads at most 2 MiB: "
        "make the board or the command line smaller"
    )


@pytest.mark.parametrize(
    ("tree", "initrd", "problem"),
    [
        (
            small(16 * MIB),
            None,
            "no room for the kernel (28 MiB, aligned to 2 MiB): DRAM is 0x40000000..0x40ffffff, "
            "taken are none",
        ),
        (
            small(48 * MIB, (BASE + 20 * MIB, MIB, "no-map")),
            None,
            "no room for the kernel (28 MiB, aligned to 2 MiB): DRAM is 0x40000000..0x42ffffff, "
            "taken are /reserved-memory/region@41400000 at 0x41400000..0x414fffff",
        ),
        (
            small(48 * MIB),
            bytes(18 * MIB + 1),
            "no room for the initrd (18874369 B, aligned to 64 KiB): DRAM is 0x40000000..0x42ffffff, "
            "taken are the kernel at 0x40200000..0x41dfffff",
        ),
        (
            small(32 * MIB, (BASE, 2 * MIB, ""), (BASE + 30 * MIB, 2 * MIB, "")),
            None,
            "no room for the device tree (40000 B, aligned to 64 KiB): DRAM is 0x40000000..0x41ffffff, "
            "taken are /reserved-memory/region@40000000 at 0x40000000..0x401fffff, "
            "/reserved-memory/region@41e00000 at 0x41e00000..0x41ffffff, "
            "the kernel at 0x40200000..0x41dfffff",
        ),
    ],
    ids=["kernel", "kernel in one piece", "initrd", "device tree"],
)
def test_no_room(tree: Tree, initrd: bytes | None, problem: str) -> None:
    assert complaint(tree, kernel(), initrd=initrd) == f"Image: {problem}; {MORE}"


def test_four_of_many_regions_are_named() -> None:
    regions = [(BASE + number * 2 * MIB, 0x1000, "") for number in range(8)]
    assert complaint(small(16 * MIB, *regions), kernel()) == (
        "Image: no room for the kernel (28 MiB, aligned to 2 MiB): DRAM is 0x40000000..0x40ffffff, taken are "
        + ", ".join(f"/reserved-memory/region@{at:x} at {at:#x}..{at + 0xFFF:#x}" for at, _, _ in regions[:4])
        + f" and 4 more; {MORE}"
    )


def test_the_first_bank_with_room_for_the_kernel_is_the_one_that_is_told_of() -> None:
    tree = board([(BASE, 16 * MIB), (0x8000_0000, 32 * MIB), (0xC000_0000, 30 * MIB)])
    line = complaint(tree, kernel(), initrd=bytes(33 * MIB))
    assert line == (
        "Image: no room for the initrd (33 MiB, aligned to 64 KiB): DRAM is 0x40000000..0x40ffffff, "
        "0x80000000..0x81ffffff, 0xc0000000..0xc1dfffff, taken are the kernel at 0x80200000..0x81dfffff; "
        f"{MORE}"
    )


def test_all_of_the_room_can_be_used() -> None:
    layout = plan(small(48 * MIB), kernel(), 2 * MIB, bytes(18 * MIB))
    assert [piece.address - BASE for piece in layout.pieces(b"")] == [2 * MIB, 30 * MIB, 0]


def test_an_initrd_never_lies_over_a_reserved_region() -> None:
    free = small(48 * MIB, (BASE + 30 * MIB, 2 * MIB, "no-map"), (BASE + 40 * MIB, 4 * MIB, "reusable"))
    initrd = plan(free, kernel(), DTB, bytes(8 * MIB)).initrd
    assert initrd is not None
    assert initrd.address == BASE + 32 * MIB
    assert "no room for the initrd" in complaint(free, kernel(), initrd=bytes(8 * MIB + 1))


@pytest.mark.parametrize(
    ("tree", "image", "load", "problem"),
    [
        (
            board(),
            kernel(text_offset=0x80000),
            BASE + MIB,
            "Image: a Linux kernel cannot be loaded to 0x40100000: this one goes to a multiple of 2 MiB, "
            "plus 0x80000, such as 0x40280000",
        ),
        (
            board(),
            kernel(text_offset=4 * MIB),
            2 * MIB,
            "Image: a Linux kernel cannot be loaded to 0x200000: this one goes to a multiple of 2 MiB, "
            "plus 0x400000, such as 0x600000",
        ),
        (
            board(),
            kernel(),
            BASE + 486 * MIB,
            f"Image: the kernel at 0x5e600000..0x601fffff (28 MiB) does not lie in DRAM ({DRAM})",
        ),
        (
            board(reserved=[(BASE + 20 * MIB, MIB, "no-map")]),
            kernel(),
            BASE + 2 * MIB,
            "Image: the kernel at 0x40200000..0x41dfffff (28 MiB) lies over /reserved-memory/region@41400000 "
            "at 0x41400000..0x414fffff: move one of them",
        ),
        (
            board(roms=ROMS),
            flat(),
            127 * MIB + 1,
            "fw.bin: the flat binary at 0x7f00001..0x8000000 (1 MiB) does not lie in DRAM "
            f"({DRAM}) or a ROM (0x0..0x3ffffff, 0x4000000..0x7ffffff)",
        ),
        (
            small(MIB),
            flat(MIB + 1),
            None,
            "fw.bin: the flat binary at 0x40000000..0x40100000 (1048577 B) does not lie in DRAM "
            "(0x40000000..0x400fffff)",
        ),
        (
            board(reserved=[(BASE + 0xFF000, MIB, "reusable")]),
            flat(),
            None,
            "fw.bin: the flat binary at 0x40000000..0x400fffff (1 MiB) lies over "
            "/reserved-memory/region@400ff000 at 0x400ff000..0x401fefff: move one of them",
        ),
        (
            board(),
            program((BASE, CODE, 16)),
            BASE,
            "fw.elf: an ELF file says itself where it goes: leave the load address out",
        ),
        (
            board(),
            program((BASE, CODE, 16), (0, b"", 1 << 63)),
            None,
            f"fw.elf: segment 1 at 0x0..0x7fffffffffffffff (8589934592 GiB) does not lie in DRAM ({DRAM})",
        ),
        (
            board(),
            program((BASE, CODE, 16), (BASE + 8, CODE, 16)),
            None,
            "fw.elf: segment 1 at 0x40000008..0x40000017 (16 B) lies over segment 0 "
            "at 0x40000000..0x4000000f: move one of them",
        ),
        (
            board(reserved=[(BASE, 0x1000, "")]),
            program((BASE, CODE, 16)),
            None,
            "fw.elf: segment 0 at 0x40000000..0x4000000f (16 B) lies over /reserved-memory/region@40000000 "
            "at 0x40000000..0x40000fff: move one of them",
        ),
        (
            board(reserved=[(BASE, 0x1000, "no-map")]),
            program((BASE, CODE, 0x1001)),
            None,
            "fw.elf: segment 0 at 0x40000000..0x40001000 (4097 B) lies over /reserved-memory/region@40000000 "
            "at 0x40000000..0x40000fff: move one of them",
        ),
        (
            board(reserved=[(BASE, 0x1000, "no-map"), (BASE + 0x1000, 0x1000, "no-map")]),
            program((BASE, CODE, 16), (BASE + 0x1000, CODE, 16)),
            None,
            "fw.elf: segment 0 at 0x40000000..0x4000000f (16 B) lies over /reserved-memory/region@40000000 "
            "at 0x40000000..0x40000fff: move one of them",
        ),
        (
            board(reserved=[(BASE + 2 * MIB, 32 * MIB, "no-map")]),
            kernel(),
            BASE + 4 * MIB,
            "Image: the kernel at 0x40400000..0x41ffffff (28 MiB) lies over /reserved-memory/region@40200000 "
            "at 0x40200000..0x421fffff: move one of them",
        ),
    ],
    ids=[
        "kernel off its boundary",
        "kernel below its text_offset",
        "kernel beyond DRAM",
        "kernel over a region",
        "flat binary beyond its ROM",
        "flat binary larger than DRAM",
        "flat binary over a region",
        "ELF with a place of choice",
        "ELF of 8 EiB",
        "ELF over itself",
        "ELF in a region that Linux maps",
        "ELF larger than its region",
        "ELF in two regions",
        "kernel in a region",
    ],
)
def test_images_that_do_not_fit(tree: Tree, image: BootImage, load: PhysAddr | None, problem: str) -> None:
    assert complaint(tree, image, load=load) == problem


def test_a_flat_binary_that_fills_memory_leaves_no_room_for_the_device_tree() -> None:
    line = complaint(small(MIB), flat(MIB))
    assert line.startswith("fw.bin: no room for the device tree (40000 B, aligned to 64 KiB): DRAM is ")
