"""What `soc check` shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from soc.devicetree.report import board_report, interrupt_table, memory_map, node_table, reserved_table
from soc.devicetree.report import stream_table as streams
from soc.devicetree.tree import Tree, load_board

REHEARSAL = Path(__file__).parents[2] / "configs/boards/rehearsal.yaml"
MODELS = {"arm,pl011": "Pl011", "fsl,imx6sx-lcdif": "Lcdif", "dmabuf-soc,camera": "Camera"}
DRIVERS = {"fsl,imx6sx-lcdif": "mxsfb"}


@pytest.fixture(scope="module")
def rehearsal() -> Tree:
    return load_board(REHEARSAL)


def test_sections(rehearsal):
    text = board_report(rehearsal, MODELS, DRIVERS)
    heads = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert heads == [
        f"dmabuf-soc rehearsal board ({REHEARSAL})",
        "Physical memory map",
        "Reserved memory",
        "Interrupts",
        "IOMMU streams",
        "Nodes",
    ]
    assert text.endswith("\n")
    assert all(line == line.rstrip() for line in text.splitlines())


def test_rehearsal_memory_map(rehearsal):
    assert memory_map(rehearsal) == [
        "first       last             size  kind      what",
        "0x00000000  0x2b3fffff    692 MiB  hole      nothing answers: external abort",
        "0x2b400000  0x2b41ffff    128 KiB  device    /soc/iommu@2b400000  arm,smmu-v3",
        "0x2b420000  0x3085ffff    ~84 MiB  hole      nothing answers: external abort",
        "0x30860000  0x30860fff      4 KiB  device    /soc/serial@30860000  arm,pl011",
        "0x30861000  0x30bcffff   3516 KiB  hole      nothing answers: external abort",
        "0x30bd0000  0x30bd0fff      4 KiB  device    /soc/dma-controller@30bd0000  arm,pl330",
        "0x30bd1000  0x32dfffff    ~34 MiB  hole      nothing answers: external abort",
        "0x32e00000  0x32e0ffff     64 KiB  device    /soc/lcdif@32e00000  fsl,imx8mm-lcdif",
        "0x32e10000  0x32e1ffff     64 KiB  hole      nothing answers: external abort",
        "0x32e20000  0x32e20fff      4 KiB  device    /soc/camera@32e20000  dmabuf-soc,camera",
        "0x32e21000  0x38800fff    ~90 MiB  hole      nothing answers: external abort",
        "0x38801000  0x38801fff      4 KiB  device    /soc/interrupt-controller@38801000  arm,gic-400",
        "0x38802000  0x38803fff      8 KiB  device    /soc/interrupt-controller@38801000  arm,gic-400",
        "0x38804000  0x7fffffff  ~1144 MiB  hole      nothing answers: external abort",
        "0x80000000  0x801fffff      2 MiB  reserved  "
        "firmware@80000000 (&fw_region): set aside, not used by Linux",
        "0x80200000  0x9fffffff    510 MiB  DRAM      /memory@80000000",
        "0xa0000000  0xa3ffffff     64 MiB  reserved  linux,cma@a0000000 (&cma_pool): CMA, the default area",
        "0xa4000000  0xafffffff    192 MiB  DRAM      /memory@80000000",
        "0xb0000000  0xb3ffffff     64 MiB  reserved  framebuffer@b0000000 (&fb_pool): memory of an ION heap",
        "0xb4000000  0xb7ffffff     64 MiB  DRAM      /memory@80000000",
        "0xb8000000  0xb9ffffff     32 MiB  reserved  shared@b8000000 (&shared_pool): memory of an ION heap",
        "0xba000000  0xbfffffff     96 MiB  DRAM      /memory@80000000",
        "DRAM 1 GiB: 162 MiB reserved, 862 MiB free",
    ]


def test_rehearsal_interrupts_and_streams(rehearsal):
    gic = "/soc/interrupt-controller@38801000"
    lines = [line.split() for line in interrupt_table(rehearsal)[1:]]
    assert lines == [
        ["26", "PPI", "10", "level-low", "/timer", "-", gic],
        ["27", "PPI", "11", "level-low", "/timer", "-", gic],
        ["29", "PPI", "13", "level-low", "/timer", "-", gic],
        ["30", "PPI", "14", "level-low", "/timer", "-", gic],
        ["37", "SPI", "5", "level-high", "/soc/lcdif@32e00000", "-", gic],
        ["48", "SPI", "16", "level-high", "/soc/camera@32e20000", "-", gic],
        ["58", "SPI", "26", "level-high", "/soc/serial@30860000", "-", gic],
        ["66", "SPI", "34", "level-high", "/soc/dma-controller@30bd0000", "-", gic],
        ["67", "SPI", "35", "level-high", "/soc/dma-controller@30bd0000", "-", gic],
        ["106", "SPI", "74", "edge-rising", "/soc/iommu@2b400000", "eventq", gic],
        ["107", "SPI", "75", "edge-rising", "/soc/iommu@2b400000", "cmdq-sync", gic],
        ["111", "SPI", "79", "edge-rising", "/soc/iommu@2b400000", "gerror", gic],
    ]
    assert streams(rehearsal) == [
        "stream  device                        iommu",
        "  0x10  /soc/lcdif@32e00000           /soc/iommu@2b400000",
        "  0x11  /soc/camera@32e20000          /soc/iommu@2b400000",
        "  0x12  /soc/dma-controller@30bd0000  /soc/iommu@2b400000",
    ]


def test_rehearsal_reserved(rehearsal):
    users = "/soc/lcdif@32e00000, /soc/camera@32e20000"
    cells = [[cell for cell in line.split("  ") if cell] for line in reserved_table(rehearsal)[1:]]
    assert [[cell.strip() for cell in row] for row in cells] == [
        ["firmware@80000000 (&fw_region)", "0x80000000", "2 MiB", "reg, no-map", "-"]
        + ["set aside, not used by Linux", "-"],
        ["linux,cma@a0000000 (&cma_pool)", "0xa0000000", "64 MiB", "reg, reusable", "shared-dma-pool"]
        + ["CMA, the default area", "-"],
        ["framebuffer@b0000000 (&fb_pool)", "0xb0000000", "64 MiB", "reg, no-map", "ion-region"]
        + ["memory of an ION heap", users],
        ["shared@b8000000 (&shared_pool)", "0xb8000000", "32 MiB", "reg", "ion-region"]
        + ["memory of an ION heap", "-"],
    ]


def test_rehearsal_nodes(rehearsal):
    lines = node_table(rehearsal, MODELS, DRIVERS)
    assert lines[-1] == "10 enabled: 3 with a model, 1 with a driver"
    rows = {line.split()[0]: line.split()[1:] for line in lines[1:-1]}
    assert rows["/soc/lcdif@32e00000"] == ["fsl,imx8mm-lcdif", "okay", "Lcdif", "mxsfb"]
    assert rows["/soc/camera@32e20000"] == ["dmabuf-soc,camera", "okay", "Camera", "no"]
    assert rows["/timer"] == ["arm,armv8-timer", "okay", "no", "no"]
    assert "/reserved-memory/framebuffer@b0000000" not in rows


def test_rehearsal_is_what_firmware_and_drivers_expect(rehearsal):
    assert rehearsal.stdout is rehearsal.find("/soc/serial@30860000")
    assert [(bank.base, bank.size) for bank in rehearsal.memory] == [(0x80000000, 1 << 30)]
    firmware, cma, frames, shared = rehearsal.reserved
    assert (firmware.label, firmware.base, firmware.size, firmware.no_map) == (
        "fw_region",
        0x80000000,
        2 << 20,
        True,
    )
    assert cma.is_cma
    assert not frames.is_cma
    assert frames.size >= 3 * 1920 * 1080 * 4
    assert frames.no_map and not shared.no_map and not shared.reusable
    smmu = rehearsal.find("&smmu")
    for name, stream in (("lcdif", 0x10), ("camera", 0x11)):
        (entry,) = rehearsal.find(name).phandles("iommus", "#iommu-cells")
        assert (entry.node, entry.args) == (smmu, (stream,))
        (region,) = rehearsal.find(name).phandles("memory-region")
        assert region.node is frames.node
    assert [line.specifier for line in smmu.interrupts] == [(0, 74, 1), (0, 79, 1), (0, 75, 1)]
    assert smmu.strings("interrupt-names") == ("eventq", "gerror", "cmdq-sync")
    assert len(rehearsal.find("gic").reg) == 2


def test_an_empty_board_shows_that_there_is_nothing(load):
    tree = load("a: {x: 1}\n")
    assert memory_map(tree) == ["none", "DRAM 0 B: 0 B reserved, 0 B free"]
    assert reserved_table(tree) == interrupt_table(tree) == streams(tree) == ["none"]
    assert node_table(tree, {}, {}) == ["none", "0 enabled: 0 with a model, 0 with a driver"]
    assert board_report(tree, {}, {}).startswith("unnamed board (")


def test_disabled_nodes_show_as_such(load):
    tree = load(
        "mmu: &mmu {compatible: arm,smmu-v3, status: disabled, '#iommu-cells': 1}\n"
        "on: {compatible: x, iommus: [[*mmu, 3]]}\n"
        "off: {compatible: x, status: disabled, iommus: [[*mmu, 4]]}\n"
    )
    assert streams(tree)[1:] == ["   0x3  /on     /mmu (disabled: Linux maps the device without it)"]
    assert [line.split() for line in node_table(tree, {"x": "X"}, {})[1:-1]] == [
        ["/mmu", "arm,smmu-v3", "disabled", "no", "no"],
        ["/on", "x", "okay", "X", "no"],
        ["/off", "x", "disabled", "X", "no"],
    ]
    assert node_table(tree, {"x": "X"}, {})[-1] == "1 enabled: 1 with a model, 0 with a driver"


def test_placed_regions_split_the_bank(load):
    tree = load(
        "'#size-cells': 2\n"
        "memory@1000: {reg: [[0x1000, 64K]]}\n"
        "reserved-memory: {ranges: true, mid: {reg: [[0x4000, 4K]]}, top: {size: 8K}}\n"
    )
    assert memory_map(tree)[1:] == [
        "0x00000000  0x00000fff   4 KiB  hole      nothing answers: external abort",
        "0x00001000  0x00003fff  12 KiB  DRAM      /memory@1000",
        "0x00004000  0x00004fff   4 KiB  reserved  mid: set aside, not used by Linux",
        "0x00005000  0x0000efff  40 KiB  DRAM      /memory@1000",
        "0x0000f000  0x00010fff   8 KiB  reserved  top: set aside, not used by Linux",
        "DRAM 64 KiB: 12 KiB reserved, 52 KiB free",
    ]
    assert "placed" in reserved_table(tree)[2]


def test_the_most_specific_model_wins(load):
    tree = load("a: {compatible: [b,new, b,old]}\n")
    assert node_table(tree, {"b,old": "Old", "b,new": "New"}, {"b,old": "old"})[1].split()[3:] == [
        "New",
        "old",
    ]


def test_interrupts_of_other_controllers_show_their_cells(load):
    tree = load("pic: {'#interrupt-cells': 2, a: {interrupts: [[7, level-low]]}}\n")
    assert interrupt_table(tree)[1].split() == ["-", "0x7", "0x8", "-", "/pic/a", "-", "/pic"]


def test_the_example_of_the_format(load):
    """Compact flow style, as one writes a board by hand: commas in names need no quotes."""
    tree = load("""\
        memory@80000000: {reg: [[0x80000000, 1G]]}
        reserved-memory:
          ranges: true
          framebuffer@bc000000: &fb_pool {compatible: shared-dma-pool, reg: [[0xbc000000, 64M]], no-map: true}
        soc:
          ranges: true
          iommu@2b400000: &smmu {compatible: arm,smmu-v3, reg: [[0x2b400000, 0x20000]], '#iommu-cells': 1}
          lcdif@32e00000: {compatible: [fsl,imx8mm-lcdif, fsl,imx6sx-lcdif], reg: [[0x32e00000, 0x10000]],
                           iommus: [[*smmu, 0x10]], memory-region: [*fb_pool]}
        """)
    assert tree.compatible("arm,smmu-v3") == [tree.find("smmu")]
    assert tree.find("/soc/lcdif").compatible == ("fsl,imx8mm-lcdif", "fsl,imx6sx-lcdif")
    assert tree.reserved[0].label == "fb_pool"
