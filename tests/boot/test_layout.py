"""Where a kernel, an initrd and the device tree go, on boards of every kind."""

from __future__ import annotations

import pytest

from soc.address import PhysAddr
from soc.boot.images import BootImage, parse_image
from soc.boot.layout import Layout, plan
from soc.devicetree.tree import Tree
from tests.boot.boards import BASE, DTB, MIB, ROMS, board, complaint, flat, kernel
from tests.boot.image_files import CODE, elf

GIB = 1 << 30
INITRD = b"070701" + bytes(3 * MIB)


def places(layout: Layout) -> dict[str, int]:
    return {piece.name: piece.address for piece in layout.pieces(b"")}


# --- Linux ------------------------------------------------------------------


def test_linux_on_a_plain_board() -> None:
    layout = plan(board(), kernel(), DTB, INITRD)
    assert places(layout) == {
        "the kernel": BASE + 2 * MIB,
        "the initrd": BASE + 128 * MIB,
        "the device tree": BASE + 128 * MIB + 0x310000,
    }
    assert (layout.entry, layout.dtb) == (BASE + 2 * MIB, BASE + 128 * MIB + 0x310000)
    assert layout.image[0].size == 28 * MIB
    assert layout.initrd is not None
    assert (layout.initrd.data, layout.initrd.size) == (INITRD, len(INITRD))


def test_pieces_carry_the_device_tree_that_is_made_later() -> None:
    layout = plan(board(), kernel(), 6)
    assert layout.pieces(b"\xd0\x0d")[-1].data == b"\xd0\x0d"
    assert layout.pieces(b"\xd0\x0d\xfe\xed12")[-1].span.size == 6
    with pytest.raises(ValueError, match="has 7 bytes, 6 were planned"):
        layout.pieces(b"1234567")


@pytest.mark.parametrize(
    ("tree", "image", "address"),
    [
        (board(), kernel(text_offset=0x80000), BASE + 2 * MIB + 0x80000),
        (board(), kernel(text_offset=5 * MIB + 0x1000), BASE + 5 * MIB + 0x1000),
        (board(), kernel(anywhere=False), BASE),
        (board(), kernel(text_offset=0x80000, anywhere=False), BASE + 0x80000),
        (board([(BASE, 32 * MIB)]), kernel(30 * MIB), BASE + 2 * MIB),
        (board([(BASE, 32 * MIB)]), kernel(31 * MIB), BASE),
        (board([(0x4010_0000, 64 * MIB)]), kernel(), BASE + 4 * MIB),
        (board(reserved=[(BASE + 2 * MIB, 0x1000, "no-map")]), kernel(), BASE + 4 * MIB),
        (board(reserved=[(BASE, 64 * MIB, "")]), kernel(), BASE + 64 * MIB),
        (board(reserved=[(BASE + 16 * MIB, 64 * MIB, "reusable")]), kernel(), BASE + 80 * MIB),
        (board(reserved=[(BASE + 30 * MIB, MIB, "")]), kernel(), BASE + 2 * MIB),
        (board(reserved=[(BASE + 30 * MIB - 0x1000, MIB, "")]), kernel(), BASE + 32 * MIB),
        (board(reserved=[(BASE, MIB, "no-map")]), kernel(anywhere=False), BASE + 2 * MIB),
        (board([(BASE, 16 * MIB), (0x8000_0000, 64 * MIB)]), kernel(), 0x8020_0000),
    ],
    ids=[
        "text_offset",
        "a large text_offset",
        "only the lowest place will do",
        "the lowest, text_offset",
        "no place behind 2 MiB to spare",
        "no room but at the start",
        "a crooked start of DRAM",
        "a reserved page at 2 MiB",
        "the start is reserved",
        "a CMA area",
        "a region right behind",
        "a region one page into it",
        "lowest that is not reserved",
        "the first bank is too small",
    ],
)
def test_the_place_of_a_kernel(tree: Tree, image: BootImage, address: int) -> None:
    assert plan(tree, image, DTB).entry == address


@pytest.mark.parametrize(
    ("tree", "initrd", "dtb"),
    [
        (board([(BASE, 128 * MIB)]), 64 * MIB, 64 * MIB + 0x310000),
        (board([(BASE, 36 * MIB)]), 30 * MIB, 30 * MIB + 0x310000),
        (board(reserved=[(BASE + 128 * MIB, 64 * MIB, "no-map")]), 192 * MIB, 192 * MIB + 0x310000),
        (board(reserved=[(BASE + 130 * MIB, MIB, "reusable")]), 131 * MIB, 128 * MIB),
        (board(reserved=[(BASE + 64 * MIB, 448 * MIB, "")]), 30 * MIB, 0),
        (board(reserved=[(BASE + 133 * MIB, 0x1000, "no-map")]), 128 * MIB, 128 * MIB + 0x310000),
        (board(reserved=[(BASE + 132 * MIB, 0x1000, "no-map")]), 128 * MIB, 128 * MIB + 0x310000),
        (board(reserved=[(BASE + 131 * MIB + 0x80000, 0x1000, "no-map")]), 128 * MIB, 132 * MIB),
        (board(reserved=[(BASE + 131 * MIB + 0x80000, 0x1000, "")]), 128 * MIB, 128 * MIB + 0x310000),
    ],
    ids=[
        "half of a small bank",
        "right behind the kernel",
        "behind a carveout",
        "behind a CMA area, the tree before it",
        "before where it is looked for first",
        "no-map two blocks on",
        "no-map in the next block",
        "a device tree shares no block of 2 MiB with no-map",
        "it may with what is mapped",
    ],
)
def test_the_places_of_initrd_and_device_tree(tree: Tree, initrd: int, dtb: int) -> None:
    layout = plan(tree, kernel(), DTB, INITRD)
    assert layout.initrd is not None
    assert (layout.initrd.address, layout.dtb) == (BASE + initrd, BASE + dtb)


def test_a_device_tree_crosses_no_boundary_of_2_mib() -> None:
    layout = plan(board(), kernel(), MIB + 1, bytes(MIB))
    assert layout.dtb == BASE + 130 * MIB
    assert plan(board(), kernel(), MIB, bytes(MIB)).dtb == BASE + 129 * MIB


def test_an_initrd_stays_within_32_gib_of_its_kernel() -> None:
    """The first bank has room for the kernel alone, and the next is beyond the window."""
    near, far = (BASE, 32 * MIB), (33 * GIB, GIB)
    layout = plan(board([near, far]), kernel(), DTB, INITRD)
    assert (layout.entry, places(layout)["the initrd"]) == (33 * GIB + 2 * MIB, 33 * GIB + 128 * MIB)
    assert plan(board([near, far]), kernel(), DTB).entry == BASE + 2 * MIB
    reachable = plan(board([near, (32 * GIB, GIB)]), kernel(), DTB, INITRD)
    assert (reachable.entry, places(reachable)["the initrd"]) == (BASE + 2 * MIB, 32 * GIB)


def test_an_initrd_below_its_kernel_is_within_32_gib_too() -> None:
    below, above = (0x4000_0000, 8 * MIB), (33 * GIB, 30 * MIB)
    tree = board([below, above])
    assert "no room for the initrd" in complaint(tree, kernel(), initrd=INITRD)
    close = board([below, (32 * GIB, 30 * MIB)])
    assert places(plan(close, kernel(), DTB, INITRD))["the initrd"] == 0x4000_0000


def test_all_of_an_old_kernel_is_above_its_start() -> None:
    """A kernel that must lie low uses no memory below itself, and maps its tree within 512 MiB."""
    tree = board([(BASE, 4 * GIB)], [(BASE, 32 * MIB, ""), (BASE + 64 * MIB, 600 * MIB, "")])
    layout = plan(tree, kernel(anywhere=False), DTB)
    assert (layout.entry, layout.dtb) == (BASE + 32 * MIB, BASE + 60 * MIB)
    assert plan(tree, kernel(), DTB, INITRD).initrd == plan(tree, kernel(anywhere=False), DTB, INITRD).initrd
    below = board([(BASE, 64 * MIB)], [(BASE + 8 * MIB, 24 * MIB, "")])
    assert places(plan(below, kernel(), DTB, bytes(5 * MIB)))["the initrd"] == BASE
    assert "no room for the initrd" in complaint(below, kernel(anywhere=False), initrd=bytes(5 * MIB))
    full = board([(BASE, 4 * GIB)], [(BASE + 28 * MIB, 600 * MIB, "")])
    assert "no room for the device tree" in complaint(full, kernel(anywhere=False))
    assert plan(full, kernel(26 * MIB), DTB).dtb == BASE + 628 * MIB


def test_a_kernel_at_a_place_of_choice() -> None:
    layout = plan(board(), kernel(text_offset=0x80000), DTB, load=PhysAddr(BASE + 64 * MIB + 0x80000))
    assert layout.entry == BASE + 64 * MIB + 0x80000


# --- firmware ---------------------------------------------------------------


def test_a_flat_binary_goes_to_the_boot_rom_and_the_device_tree_to_the_start_of_dram() -> None:
    layout = plan(board(roms=ROMS), flat(), DTB, INITRD)
    assert places(layout) == {
        "the flat binary": 0,
        "the initrd": BASE + 128 * MIB,
        "the device tree": BASE,
    }
    assert (layout.entry, layout.dtb) == (0, BASE)


@pytest.mark.parametrize(
    ("tree", "image", "load", "entry", "dtb"),
    [
        (board(), flat(), None, BASE, BASE + 2 * MIB),
        (board(), flat(2 * MIB), None, BASE, BASE + 4 * MIB),
        (board(roms=[(0, MIB), (MIB, 64 * MIB)]), flat(2 * MIB), None, BASE, BASE + 4 * MIB),
        (board(roms=[(0, 2 * MIB)]), flat(2 * MIB), None, 0, BASE),
        (board(roms=ROMS), flat(), BASE + 4 * MIB, BASE + 4 * MIB, BASE),
        (board(roms=ROMS), flat(), 0x400_1000, 0x400_1000, BASE),
        (board(roms=ROMS), flat(), BASE, BASE, BASE + 2 * MIB),
        (board(), flat(), BASE + 0x8000, BASE + 0x8000, BASE + 4 * MIB),
        (board(roms=ROMS, reserved=[(BASE, 0x1000, "")]), flat(), None, 0, BASE + 2 * MIB),
        (board(roms=ROMS, reserved=[(BASE + MIB, 0x1000, "no-map")]), flat(), None, 0, BASE + 2 * MIB),
        (board([(BASE, 2 * MIB)]), flat(), None, BASE, BASE + MIB),
        (board([(BASE, MIB), (0x8000_0000, MIB)]), flat(), None, BASE, 0x8000_0000),
    ],
    ids=[
        "no ROM",
        "room for bss before the tree",
        "the first ROM is too small",
        "the ROM is just large enough",
        "at a place in DRAM",
        "at a place in the second ROM",
        "at the start of DRAM",
        "where the tree would be",
        "the start of DRAM is reserved",
        "no-map in the first block of DRAM",
        "a small DRAM",
        "a full bank",
    ],
)
def test_the_places_of_a_flat_binary(
    tree: Tree, image: BootImage, load: PhysAddr | None, entry: int, dtb: int
) -> None:
    layout = plan(tree, image, DTB, load=load)
    assert (layout.entry, layout.image[0].address, layout.dtb) == (entry, entry, dtb)


def test_an_initrd_of_a_firmware_makes_way_for_the_device_tree() -> None:
    layout = plan(board([(BASE, 4 * MIB)]), flat(), DTB, bytes(MIB))
    assert places(layout) == {
        "the flat binary": BASE,
        "the initrd": BASE + 2 * MIB + 0x10000,
        "the device tree": BASE + 2 * MIB,
    }


def test_an_elf_file_goes_where_it_says() -> None:
    parts = (0x10_0000, CODE, 0x1000), (BASE + 0x1000, b"data", 0x3000), (BASE + 3 * MIB, b"", 16)
    layout = plan(board(roms=ROMS), parse_image(elf(*parts, entry=0x10_0004), "fw.elf"), DTB)
    assert [(piece.address, piece.data, piece.size) for piece in layout.image] == list(parts)
    assert (layout.entry, layout.dtb) == (0x10_0004, BASE + 6 * MIB)


@pytest.mark.parametrize(
    ("reserved", "entry", "dtb"),
    [
        ([(BASE, 2 * MIB, "no-map")], BASE, BASE + 2 * MIB),
        ([(BASE, 4 * MIB, "no-map")], BASE, BASE + 4 * MIB),
        ([(BASE + MIB, MIB, "no-map"), (BASE, MIB, "no-map")], BASE, BASE + 2 * MIB),
    ],
    ids=["its own", "larger than it", "beside another"],
)
def test_a_program_may_fill_a_no_map_region_and_nothing_else_goes_there(
    reserved: list[tuple[int, int, str]], entry: int, dtb: int
) -> None:
    tree = board(reserved=reserved)
    for image in (flat(), parse_image(elf((BASE, CODE, 16), (BASE + 0x8000, b"", 0x8000)), "fw.elf")):
        layout = plan(tree, image, DTB, INITRD)
        assert (layout.entry, layout.dtb) == (entry, dtb)
        assert layout.initrd is not None
        assert layout.initrd.address == BASE + 128 * MIB
