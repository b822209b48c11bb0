"""The rules of the boot protocol, held against whatever `plan` chooses on random boards."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from soc.address import PhysAddr
from soc.boot.images import BootImage, LinuxImage, parse_image
from soc.boot.layout import Layout, plan
from soc.boot.room import Need, Room, Span
from soc.devicetree.tree import Tree
from soc.errors import BadInput
from tests.boot.boards import BASE, MIB, board, flat
from tests.boot.image_files import CODE, elf, linux_image

GIB = 1 << 30
PAGE = 4096
FLAGS = ("", "no-map", "reusable")


@dataclass(frozen=True)
class Case:
    """A board, something to boot on it, and the sizes of what goes with it."""

    tree: Tree
    image: BootImage
    initrd: bytes | None
    dtb_size: int
    load: PhysAddr | None


@st.composite
def boards(draw: st.DrawFn) -> Tree:
    """One to three banks, some of them far apart, with up to six reserved regions."""
    bases = draw(st.lists(st.sampled_from([1, 2, 3, 34, 66, 100]), min_size=1, max_size=3, unique=True))
    shift = draw(st.sampled_from([0, 0x1000, MIB]))
    banks = [(base * GIB + shift, draw(st.integers(1, 24)) * 4 * MIB) for base in bases]
    regions, taken = [], set()
    for _ in range(draw(st.integers(0, 6))):
        base, size = draw(st.sampled_from(banks))
        pages = draw(st.integers(1, 8 * MIB // PAGE))
        at = draw(st.integers(0, size // PAGE - 1))
        pages = min(pages, size // PAGE - at)
        span = Span(base + at * PAGE, base + (at + pages) * PAGE)
        if not any(span.overlaps(other) for other in taken):
            taken.add(span)
            regions.append((span.base, span.size, draw(st.sampled_from(FLAGS))))
    roms = draw(st.sampled_from([(), ((0, 2 * MIB),)]))
    return board(banks, regions, roms)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    tree = draw(boards())
    kind = draw(st.sampled_from(["linux", "linux", "flat", "elf"]))
    if kind == "linux":
        data = linux_image(
            image_size=draw(st.integers(1, 40 * MIB // PAGE)) * PAGE + 2 * PAGE,
            text_offset=draw(st.sampled_from([0, 0x80000, 0x80000, 3 * MIB, 12345 * 8])),
            flags=draw(st.sampled_from([0b0010, 0b1010])),
        )
        image = parse_image(data, "Image")
    elif kind == "flat":
        image = flat(draw(st.integers(8, 6 * MIB)))
    else:
        at = tree.memory[0].base + draw(st.integers(0, 4 * MIB))
        image = parse_image(elf((at, CODE, 0x3000), (at + 0x5000, b"", MIB), entry=at), "fw.elf")
    initrd = bytes(draw(st.integers(1, 24 * MIB))) if draw(st.booleans()) else None
    place = st.integers(0, 48).map(lambda number: PhysAddr(tree.memory[0].base + number * MIB // 2))
    load = draw(st.none() | st.none() | place) if kind != "elf" else None
    return Case(tree, image, initrd, draw(st.integers(1, 2 * MIB)), load)


def broken_rules(case: Case, layout: Layout) -> list[str]:
    """The rules that `layout` breaks, by name."""
    tree, image = case.tree, case.image
    spans = [piece.span for piece in layout.pieces(b"")]
    banks = [Span(bank.base, bank.end) for bank in tree.memory]
    roms = [
        Span(reg.address, reg.address + reg.size) for node in tree.compatible("mtd-rom") for reg in node.reg
    ]
    kernel, dtb = spans[0], spans[-1]
    program = [] if isinstance(image, LinuxImage) else spans[: len(layout.image)]
    rules = {
        "in memory": all(any(memory.holds(span) for memory in banks + roms) for span in spans),
        "apart": all(not a.overlaps(b) for n, a in enumerate(spans) for b in spans[:n]),
        "not reserved": all(
            not span.overlaps(area := Span(region.base, region.end))
            or (region.no_map and span in program and all(area.holds(part) for part in program))
            for region in tree.reserved
            for span in spans
        ),
        "data in DRAM": all(any(bank.holds(span) for bank in banks) for span in spans[len(layout.image) :]),
        "tree aligned": dtb.base % 8 == 0 and dtb.base == layout.dtb and dtb.size == case.dtb_size,
        "tree in one block": dtb.base // (2 * MIB) == (dtb.end - 1) // (2 * MIB),
        "tree apart from no-map": all(
            region.end <= dtb.base // (2 * MIB) * 2 * MIB or -(-dtb.end // (2 * MIB)) * 2 * MIB <= region.base
            for region in tree.reserved
            if region.no_map
        ),
        "entry in the image": any(part.span.base <= layout.entry < part.span.end for part in layout.image),
        "as asked": case.load in (None, layout.entry),
        "initrd as given": (layout.initrd.data if layout.initrd else None) == case.initrd,
    }
    if isinstance(image, LinuxImage):
        start = kernel.base - image.header.text_offset
        window = min(span.base for span in (kernel, *spans[1:-1])) // GIB * GIB
        rules |= {
            "image aligned": start % (2 * MIB) == 0 and layout.entry == kernel.base,
            "image base in DRAM": case.load is not None
            or any(bank.base <= start < bank.end for bank in banks),
            "image room": kernel.size == image.header.image_size,
            "initrd window": all(span.end <= window + 32 * GIB for span in (kernel, *spans[1:-1])),
        }
        if not image.header.anywhere:
            rules["nothing below"] = all(start <= span.base for span in spans)
            rules["tree within 512 MiB"] = dtb.end <= start + 512 * MIB
    return [name for name, kept in rules.items() if not kept]


@settings(max_examples=400, deadline=None)
@given(cases())
def test_every_layout_keeps_every_rule(case: Case) -> None:
    try:
        layout = plan(case.tree, case.image, case.dtb_size, case.initrd, case.load)
    except BadInput as error:
        event("refused")
        assert len(str(error).splitlines()) == 1
        assert str(error).startswith(f"{case.image.name}: ")
        return
    event(f"placed {type(case.image).__name__}")
    assert broken_rules(case, layout) == []
    assert plan(case.tree, case.image, case.dtb_size, case.initrd, case.load) == layout


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"dtb": PhysAddr(BASE + 129 * MIB + 0xFFFF0)}, "tree in one block"),
        ({"dtb": PhysAddr(BASE + 128 * MIB + 4)}, "tree aligned"),
        ({"dtb": PhysAddr(BASE + 3 * MIB)}, "apart"),
        ({"dtb": PhysAddr(BASE + 301 * MIB)}, "not reserved"),
        ({"dtb": PhysAddr(BASE + 300 * MIB)}, "tree apart from no-map"),
        ({"dtb": PhysAddr(BASE - 64)}, "in memory"),
        ({"entry": PhysAddr(BASE)}, "entry in the image"),
    ],
)
def test_a_broken_rule_is_noticed(changes: dict[str, PhysAddr], rule: str) -> None:
    tree = board(reserved=[(BASE + 301 * MIB, MIB, "no-map")])
    case = Case(tree, parse_image(linux_image(image_size=28 * MIB), "Image"), None, 64, None)
    layout = plan(tree, case.image, 64)
    assert broken_rules(case, layout) == []
    moved = Layout(**{**vars(layout), **changes})
    assert rule in broken_rules(case, moved)


@settings(max_examples=300)
@given(
    banks=st.lists(st.tuples(st.integers(0, 150), st.integers(1, 60)), min_size=1, max_size=3),
    taken=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40)), max_size=6),
    window=st.tuples(st.integers(0, 200), st.integers(0, 200)),
    size=st.integers(1, 30),
    alignment=st.sampled_from([1, 4, 16]),
    offset=st.integers(0, 20),
    block=st.booleans(),
)
def test_the_search_finds_the_lowest_place_there_is(
    banks: list[tuple[int, int]],
    taken: list[tuple[int, int]],
    window: tuple[int, int],
    size: int,
    alignment: int,
    offset: int,
    block: bool,
) -> None:
    """Against a search that tries every address."""
    offset = 0 if block else offset
    assume(not block or size <= 32)
    room = Room(
        tuple(Span(base, base + length) for base, length in banks),
        tuple(Span(base, base + length) for base, length in taken),
    )
    need = Need(size, alignment, offset, 32 if block else 0)
    found = None
    for bank in room.banks:
        for at in range(max(bank.base + offset, window[0]), min(bank.end, window[1]) - size + 1):
            fits = (at - offset) % alignment == 0 and room.holder(Span(at, at + size)) is None
            if fits and not (block and at // 32 != (at + size - 1) // 32):
                found = at
                break
        if found is not None:
            break
    assert room.lowest(need, [Span(*window)]) == found
