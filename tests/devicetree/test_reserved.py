"""Where reserved regions come to lie, and what Linux makes of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soc.devicetree.reserved import kernel_use, place

MEMORY = """\
'#address-cells': 2
'#size-cells': 2
memory@80000000: {reg: [[0x80000000, 256M]]}
memory@100000000: {reg: [[0x100000000, 256M]]}
reserved-memory:
  ranges: true
"""


def regions(tree):
    return {region.name: (region.base, region.size) for region in tree.reserved}


def test_dynamic_regions_stack_down_from_the_top(load):
    tree = load(MEMORY + "  a: {size: 1M}\n  b: {size: 1M}\n")
    assert regions(tree) == {"a": (0x10FF00000, 1 << 20), "b": (0x10FE00000, 1 << 20)}


def test_static_regions_come_first_wherever_they_are_written(load):
    tree = load(MEMORY + "  a: {size: 1M}\n  s: {reg: [[0x10ff00000, 1M]]}\n")
    assert regions(tree)["a"] == (0x10FE00000, 1 << 20)
    assert [region.name for region in tree.reserved] == ["a", "s"]


def test_reg_wins_over_size(load):
    tree = load(MEMORY + "  a: {size: 64M, reg: [[0x80000000, 4K]]}\n")
    assert regions(tree) == {"a": (0x80000000, 4096)}


def test_every_row_of_reg_is_reserved(load):
    tree = load(MEMORY + "  a: {reg: [[0x80000000, 4K], [0x80002000, 4K]]}\n")
    assert [(region.name, region.base) for region in tree.reserved] == [("a", 0x80000000), ("a", 0x80002000)]


def test_alignment(load):
    tree = load(MEMORY + "  a: {size: 4K}\n  b: {size: 4K, alignment: 64K}\n")
    assert regions(tree) == {"a": (0x10FFFF000, 4096), "b": (0x10FFF0000, 4096)}


def test_cma_pools_are_aligned_to_4_mib(load):
    tree = load(MEMORY + "  a: {size: 4K}\n  p: {compatible: shared-dma-pool, reusable: true, size: 8M}\n")
    assert regions(tree)["p"] == (0x10F400000, 8 << 20)


def test_alloc_ranges_are_tried_in_turn(load):
    ranges = "alloc-ranges: [[0x80000000, 1M], [0x90000000, 1M], [0x88000000, 2M], [0x100000000, 1G]]"
    tree = load(MEMORY + f"  a: {{size: 2M, {ranges}}}\n  b: {{size: 2M, {ranges}}}\n")
    assert regions(tree) == {"a": (0x88000000, 2 << 20), "b": (0x10FE00000, 2 << 20)}


def test_no_alloc_range_has_room(complain):
    text = MEMORY + "  a:\n    size: 2M\n    alloc-ranges: [[0x80000000, 1M], [0x70000000, 256M]]\n"
    assert complain(text) == (
        "board.yaml:8: no room for /reserved-memory/a: 0x200000 bytes aligned to 0x1000"
        " (Linux would log \"failed to allocate memory for node 'a'\" and go on)"
    )


def test_disabled_regions_and_parents_reserve_nothing(load):
    assert load(MEMORY + "  a: {status: disabled, size: 1M}\n").reserved == []
    assert load(MEMORY + "  status: disabled\n  a: {size: 1M}\n").reserved == []


def test_attributes_and_use(load):
    tree = load(
        MEMORY
        + "  cma: &cma {compatible: shared-dma-pool, reusable: true, size: 4M}\n"
        + "  own: {compatible: shared-dma-pool, reusable: true, 'linux,cma-default': true, size: 4M}\n"
        + "  coherent: {compatible: shared-dma-pool, no-map: true, size: 4M}\n"
        + "  bounce: {compatible: restricted-dma-pool, size: 4M}\n"
        + "  ion: {compatible: [acme,frames, ion-region], no-map: true, size: 4M}\n"
        + "  plain: {size: 4M}\n"
    )
    found = {region.name: region for region in tree.reserved}
    assert {name: kernel_use(region) for name, region in found.items()} == {
        "cma": "CMA area of its users",
        "own": "CMA, the default area",
        "coherent": "coherent DMA pool of its users",
        "bounce": "bounce buffers of its users",
        "ion": "memory of an ION heap",
        "plain": "set aside, not used by Linux",
    }
    assert (found["cma"].label, found["cma"].no_map, found["cma"].reusable) == ("cma", False, True)
    assert (found["ion"].label, found["ion"].no_map, found["ion"].reusable) == (None, True, False)
    assert found["ion"].compatible == ("acme,frames", "ion-region")
    assert found["ion"].where.line == 11
    assert found["cma"].node is tree.find("cma")


EXTENT = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(
    size=st.integers(1, 12),
    alignment=st.sampled_from([1, 2, 4, 8]),
    windows=st.lists(EXTENT, max_size=3),
    taken=st.lists(EXTENT, max_size=6),
)
def test_place_finds_the_highest_room_of_the_first_window(size, alignment, windows, taken):
    """Against trying every address."""

    def fits(base, low, high):
        inside = low <= base and base + size <= high and base % alignment == 0
        return inside and all(base + size <= first or beyond <= base for first, beyond in taken)

    expected = None
    for low, high in windows:
        expected = max((base for base in range(low, high) if fits(base, low, high)), default=None)
        if expected is not None:
            break
    assert place(size, alignment, windows, taken) == expected
