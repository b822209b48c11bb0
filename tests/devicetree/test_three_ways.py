"""A board in YAML, in DTS and as a flattened tree is one board: every getter has the same answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from soc.devicetree.fdt import flatten
from soc.devicetree.node import Node
from soc.devicetree.report import board_report
from soc.devicetree.tree import Tree, load_board
from tests.devicetree.dtc import Dtc
from tests.devicetree.dts_text import read, write
from tests.devicetree.twins import TWINS
from tests.scenario.writing import run


def answers(tree: Tree) -> list[tuple[object, ...]]:
    """What each node says of itself by its bindings, in numbers, strings and paths."""
    return [
        (
            node.path,
            node.compatible,
            node.enabled,
            [(entry.address, entry.size) for entry in node.bus_reg],
            node.reg,
            node.ranges(),
            node.ranges("dma-ranges"),
            [(line.controller.path, line.specifier) for line in node.interrupts],
            arguments(node, "clocks", "#clock-cells"),
            arguments(node, "iommus", "#iommu-cells"),
            arguments(node, "memory-region", None),
        )
        for node in tree.walk()
    ]


def arguments(node: Node, name: str, counted_by: str | None) -> list[tuple[str, tuple[int, ...]]]:
    return [(entry.node.path, entry.args) for entry in node.phandles(name, counted_by)]


def whole(tree: Tree) -> list[object]:
    """What a board says of itself as a whole."""
    return [
        tree.model,
        [(bank.base, bank.size) for bank in tree.memory],
        [(region.name, region.base, region.size, region.no_map) for region in tree.reserved],
        {name: node.path for name, node in tree.aliases.items()},
        tree.stdout.path if tree.stdout else None,
        tree.memreserve,
    ]


@pytest.mark.parametrize("name", TWINS)
def test_a_board_three_ways(name: str, tmp_path: Path, dtc: Dtc) -> None:
    yaml, dts = TWINS[name]
    from_yaml = load_board(yaml)
    blob, text = tmp_path / f"{name}.dtb", tmp_path / f"{name}.dts"
    blob.write_bytes(flatten(from_yaml))
    text.write_text(dtc.decompile(blob.read_bytes()))
    for other in (load_board(dts), load_board(blob), load_board(text)):
        assert answers(other) == answers(from_yaml)
        assert whole(other) == whole(from_yaml)


def test_the_report_of_a_flattened_board_is_that_of_the_board(tmp_path: Path) -> None:
    yaml, _ = TWINS["rehearsal"]
    blob = tmp_path / "rehearsal.dtb"
    blob.write_bytes(flatten(load_board(yaml)))
    assert plain(board_report(load_board(blob), {}, {})) == plain(board_report(load_board(yaml), {}, {}))


def plain(report: str) -> list[list[str]]:
    """The words of a report behind its title, labels left out: a flattened tree has none."""
    return [line.split() for line in re.sub(r" \(&\w+\)", "", report).splitlines()[1:]]


def test_a_scenario_runs_on_a_board_in_dts(tmp_path: Path) -> None:
    assert run(tmp_path, board=str(TWINS["rehearsal"][1])).result.passed


def test_a_scenario_runs_on_a_flattened_board_by_paths_and_labels_made_of_names(tmp_path: Path) -> None:
    blob = tmp_path / "rehearsal.dtb"
    blob.write_bytes(flatten(load_board(TWINS["rehearsal"][0])))
    kernel = "{heap: framebuffer_b0000000, buffers: 3}"
    nodes = {"source": "/soc/camera@32e20000", "sink": "/soc/lcdif@32e00000"}
    assert run(tmp_path, board=str(blob), kernel=kernel, **nodes).result.passed


# --- cells to rows -----------------------------------------------------------------


def test_gpios_are_rows_of_a_phandle_and_its_arguments(tmp_path: Path) -> None:
    tree = read(
        write(
            tmp_path,
            "/dts-v1/; / { g: g { #gpio-cells = <2>; }; h: h { #gpio-cells = <1>; };"
            " k { reset-gpios = <&g 4 1>, <&h 2>; gpios = <&g 1 2 &g 3 4>; nr-gpios = <3>; };"
            " l { gpio-hog; gpios = <5 0>; }; };",
        )
    )
    user, hog = tree.root.children[2:]
    assert arguments(user, "reset-gpios", "#gpio-cells") == [("/g", (4, 1)), ("/h", (2,))]
    assert arguments(user, "gpios", "#gpio-cells") == [("/g", (1, 2)), ("/g", (3, 4))]
    assert user.number("nr-gpios") == 3
    assert str(hog.properties["gpios"].value) == "[5, 0]"


def test_a_list_that_names_no_node_stays_cells(tmp_path: Path) -> None:
    text = "/dts-v1/; / { g: g { #gpio-cells = <1>; }; k { cs-gpios = <0>, <&g 1>; pwms = <&g 5>; }; };"
    user = read(write(tmp_path, text)).root.children[1]
    assert str(user.properties["cs-gpios"].value) == "[[0], [&g, 1]]"
    assert str(user.properties["pwms"].value) == "[&g, 5]"


def test_a_bare_number_is_the_node_with_that_phandle(tmp_path: Path) -> None:
    text = (
        "/dts-v1/; / { interrupt-parent = <9>; gic@8 { phandle = <9>; #interrupt-cells = <1>; };"
        " gic_8: k { interrupts = <3>, <4>; clocks = <10 5>; }; c@8 { phandle = <10>; #clock-cells = <1>; };"
        " m { interrupt-parent = <10>; }; };"
    )
    tree = read(write(tmp_path, text))
    user = tree.root.children[1]
    assert [line.specifier for line in user.interrupts] == [(3,), (4,)]
    assert user.interrupts[0].controller is tree.root.children[0]
    assert arguments(user, "clocks", "#clock-cells") == [("/c@8", (5,))]
    assert [node.label for node in tree.root.children] == ["gic_8_2", "gic_8", "c_8", None]


@pytest.mark.parametrize(
    ("value", "strings"),
    [
        ("[00]", ("",)),
        ("<0x61626300>", ("abc",)),
        ('"a", "b"', ("a", "b")),
        ("[61 00 00]", ("a", "")),
        ("[c3 a9 00]", ("é",)),
    ],
)
def test_a_string_is_one_however_it_is_written(value: str, strings: tuple[str, ...], tmp_path: Path) -> None:
    tree = read(write(tmp_path, f"/dts-v1/; / {{ compatible = {value}; }};"))
    assert tree.root.compatible == strings


@pytest.mark.parametrize("value", ["[ff 00]", "[61]", "<1>", "<&l>"])
def test_what_is_no_string_stays_what_it_is(value: str, tmp_path: Path) -> None:
    tree = read(write(tmp_path, f"/dts-v1/; / {{ compatible = {value}; l: l {{ }}; }};"))
    with pytest.raises(Exception, match="compatible must be a string or a list of strings"):
        _ = tree.root.compatible


def test_cells_that_look_like_strings_are_cells_where_cells_belong(tmp_path: Path) -> None:
    text = '/dts-v1/; / { n { reg = "abc", "abcdefg"; }; };'
    entry = read(write(tmp_path, text)).root.children[0].bus_reg[0]
    assert (entry.address, entry.size) == (0x6162630061626364, 0x65666700)


def test_an_address_may_be_written_in_64_bits(tmp_path: Path) -> None:
    text = "/dts-v1/; / { #size-cells = <2>; n { reg = /bits/ 64 <0x100000000 4096>; }; };"
    entry = read(write(tmp_path, text)).root.children[0].bus_reg[0]
    assert (entry.address, entry.size) == (1 << 32, 4096)


def test_the_alignment_of_a_static_region_may_be_malformed(tmp_path: Path, dtc: Dtc) -> None:
    text = (
        "/dts-v1/; / { #size-cells = <2>; reserved-memory { ranges; #address-cells = <2>;"
        " n@0 { reg = <0 0 0 0x1000>; alignment = <0x1000>; }; }; memory@0 { reg = <0 0 0 0x10000>; }; };"
    )
    file = write(tmp_path, text)
    assert flatten(load_board(file)) == dtc.compile(file)
