"""What is wrong with the board: one line that names both parties."""

from __future__ import annotations

import pytest

HEAD = """\
'#address-cells': 2
'#size-cells': 2
memory@80000000: {reg: [[0x80000000, 1G]]}
"""

POOLS = HEAD + "reserved-memory:\n  ranges: true\n"
SOC = HEAD + "soc:\n  ranges: true\n"
GIC = "  gic: &gic {'#interrupt-cells': 3}\n"
SMMU = "  smmu: &smmu {'#iommu-cells': 1}\n"

CASES = {
    # --- reserved memory
    "overlapping regions": (
        POOLS + "  a@90000000: {reg: [[0x90000000, 16M]]}\n  b@90800000: {reg: [[0x90800000, 16M]]}\n",
        "7: reserved region /reserved-memory/b@90800000 [0x90800000 - 0x917fffff] overlaps"
        " /reserved-memory/a@90000000 [0x90000000 - 0x90ffffff] at board.yaml:6"
        " (Linux would only log OVERLAP DETECTED! and keep both)",
    ),
    "overlap, the second is lower": (
        POOLS + "  a@90800000: {reg: [[0x90800000, 16M]]}\n  b@90000000: {reg: [[0x90000000, 16M]]}\n",
        "7: reserved region /reserved-memory/b@90000000 [0x90000000 - 0x90ffffff] overlaps"
        " /reserved-memory/a@90800000 [0x90800000 - 0x917fffff] at board.yaml:6"
        " (Linux would only log OVERLAP DETECTED! and keep both)",
    ),
    "no-map over a reserved region": (
        POOLS + "  a@90000000: {reg: [[0x90000000, 1M]]}\n"
        "  b@90000000: {reg: [[0x90000000, 1M]], no-map: true}\n",
        "7: reserved region /reserved-memory/b@90000000 [0x90000000 - 0x900fffff] overlaps"
        " /reserved-memory/a@90000000 [0x90000000 - 0x900fffff] at board.yaml:6"
        " (Linux would log \"failed to reserve memory for node 'b@90000000'\" and go on)",
    ),
    "region outside memory": (
        POOLS + "  a@c0000000: {reg: [[0xc0000000, 4K]]}\n",
        "6: reserved region /reserved-memory/a@c0000000 [0xc0000000 - 0xc0000fff] is outside memory:"
        " /memory@80000000 [0x80000000 - 0xbfffffff]"
        " (Linux would reserve it without a word, though no RAM is there)",
    ),
    "region half outside memory": (
        POOLS + "  a@bffff000: {reg: [[0xbffff000, 8K]]}\n",
        "6: reserved region /reserved-memory/a@bffff000 [0xbffff000 - 0xc0000fff] is outside memory:"
        " /memory@80000000 [0x80000000 - 0xbfffffff]"
        " (Linux would reserve it without a word, though no RAM is there)",
    ),
    "restricted pool without a mapping": (
        POOLS + "  a: {compatible: restricted-dma-pool, reg: [[0x90000000, 4M]], no-map: true}\n",
        "6: restricted-dma-pool /reserved-memory/a cannot be no-map: the kernel copies through it"
        ' (Linux would log "node a compatible matching fail" and give the memory back)',
    ),
    "restricted pool that is lent out": (
        POOLS + "  a: {compatible: restricted-dma-pool, reg: [[0x90000000, 4M]], reusable: true}\n",
        "6: restricted-dma-pool /reserved-memory/a cannot be reusable: the kernel copies through it"
        ' (Linux would log "node a compatible matching fail" and give the memory back)',
    ),
    "region without memory": (
        "reserved-memory:\n  ranges: true\n  a: {reg: [[0, 4K]]}\n",
        "3: reserved region /reserved-memory/a [0x0 - 0xfff] is outside memory: none"
        " (Linux would reserve it without a word, though no RAM is there)",
    ),
    "region not page aligned": (
        POOLS + "  a: {reg: [[0x90000800, 4K]]}\n",
        "6: reserved region /reserved-memory/a [0x90000800 - 0x900017ff] is not page aligned"
        " (Linux would take the whole pages around it without a word)",
    ),
    "dynamic size not page aligned": (
        POOLS + "  a: {size: 0x1800}\n",
        "6: reserved region /reserved-memory/a size 0x1800 is not page aligned"
        " (Linux would take the whole pages around it without a word)",
    ),
    "CMA base": (
        POOLS + "  a: {compatible: shared-dma-pool, reusable: true, reg: [[0x90100000, 4M]]}\n",
        "6: CMA pool /reserved-memory/a [0x90100000 - 0x904fffff] is not aligned to 4 MiB"
        ' (Linux would log "incorrect alignment of CMA region" and give the memory back)',
    ),
    "CMA size": (
        POOLS + "  a: {compatible: shared-dma-pool, reusable: true, reg: [[0x90000000, 1M]]}\n",
        "6: CMA pool /reserved-memory/a [0x90000000 - 0x900fffff] is not aligned to 4 MiB"
        ' (Linux would log "incorrect alignment of CMA region" and give the memory back)',
    ),
    "dynamic CMA size": (
        POOLS + "  a:\n    compatible: shared-dma-pool\n    reusable: true\n    size: 5M\n",
        "9: CMA pool /reserved-memory/a size 0x500000 is not aligned to 4 MiB"
        ' (Linux would log "incorrect alignment of CMA region" and give the memory back)',
    ),
    "no-map and reusable": (
        POOLS + "  a: {reg: [[0x90000000, 4M]], no-map: true, reusable: true}\n",
        "6: reserved region /reserved-memory/a is both no-map and reusable: pages without a mapping"
        " cannot be lent out (Linux would keep it unmapped and ignore reusable)",
    ),
    "no-map and reusable pool": (
        POOLS + "  a: {compatible: shared-dma-pool, reg: [[0x90000000, 4M]], no-map: true, reusable: true}\n",
        "6: reserved region /reserved-memory/a is both no-map and reusable: pages without a mapping"
        ' cannot be lent out (Linux would log "node a compatible matching fail" and give the memory back)',
    ),
    "neither reg nor size": (
        POOLS + "  a: {no-map: true}\n",
        "6: /reserved-memory/a has neither reg nor size (Linux would skip it)",
    ),
    "no ranges": (
        HEAD + "reserved-memory:\n  a: {reg: [[0x90000000, 4K]]}\n",
        "4: /reserved-memory needs 'ranges: true'"
        ' (Linux would log "unsupported node format, ignoring" and reserve nothing)',
    ),
    "cells differ from the root's": (
        POOLS + "  '#size-cells': 1\n",
        "4: #address-cells 2, #size-cells 1 of /reserved-memory differ from #address-cells 2,"
        ' #size-cells 2 of / (Linux would log "unsupported node format, ignoring" and reserve nothing)',
    ),
    "cell count of a region": (
        POOLS + "  a: {reg: [[0x0, 0x90000000, 0x0, 0x1000]]}\n",
        "6: bad cell count: reg [0x0, 0x90000000, 0x0, 0x1000] has 4 numbers, not 2 [address, size]"
        " (#address-cells 2, #size-cells 2 of /reserved-memory)"
        " (Linux would log \"invalid reg property in 'a'\" and not reserve it)",
    ),
    "no room": (
        POOLS + "  a: {size: 2G}\n",
        "6: no room for /reserved-memory/a: 0x80000000 bytes aligned to 0x1000"
        " (Linux would log \"failed to allocate memory for node 'a'\" and go on)",
    ),
    "alignment": (
        POOLS + "  a:\n    size: 1M\n    alignment: 3M\n",
        "8: alignment of /reserved-memory/a must be a power of two, not 0x300000",
    ),
    "empty region": (
        POOLS + "  a: {size: 0}\n",
        "6: reserved region /reserved-memory/a is empty: its size is 0",
    ),
    "too many regions": (
        POOLS + "".join(f"  r{n}: {{size: 4K}}\n" for n in range(65)),
        "4: 65 reserved regions, Linux has room for 64 (it would log so and not set up the rest)",
    ),
    "memory-region of a device": (
        SOC + "  a: &a {x: 1}\n  b: {memory-region: [*a]}\n",
        "7: memory-region of /soc/b names /soc/a, which is no reserved region"
        " (Linux would fail the probe with -EINVAL)",
    ),
    # --- memory
    "overlapping banks": (
        HEAD + "memory@a0000000: {reg: [[0xa0000000, 1G]]}\n",
        "4: memory /memory@a0000000 [0xa0000000 - 0xdfffffff] overlaps memory /memory@80000000"
        " [0x80000000 - 0xbfffffff] at board.yaml:3 (Linux would merge them without a word)",
    ),
    "bank not page aligned": (
        "memory: {reg: [[0x80000000, 0x1234]]}\n",
        "1: memory /memory [0x80000000 - 0x80001233] is not page aligned"
        " (Linux would leave the odd bytes unused without a word)",
    ),
    "bank without size": (
        "'#size-cells': 0\nmemory: {reg: [[0x80000000]]}\n",
        "2: memory /memory is empty: its size is 0",
    ),
    # --- devices
    "overlapping devices": (
        SOC + "  a@1000: {reg: [[0x1000, 4K]]}\n  b@1800: {reg: [[0x1800, 4K]]}\n",
        "7: reg of /soc/b@1800 [0x1800 - 0x27ff] overlaps reg of /soc/a@1000 [0x1000 - 0x1fff]"
        " at board.yaml:6 (Linux would fail the second driver's probe with -EBUSY)",
    ),
    "overlap through ranges": (
        HEAD + "soc:\n  ranges: [[0, 0x1000, 64K]]\n  a@0: {reg: [[0, 4K]]}\nb@1000: {reg: [[0x1000, 1]]}\n",
        "7: reg of /b@1000 [0x1000 - 0x1000] overlaps reg of /soc/a@0 [0x1000 - 0x1fff]"
        " at board.yaml:6 (Linux would fail the second driver's probe with -EBUSY)",
    ),
    "device over DRAM": (
        SOC + "  a@7ffff000: {reg: [[0x7ffff000, 8K]]}\n",
        "6: reg of /soc/a@7ffff000 [0x7ffff000 - 0x80000fff] lies over DRAM of /memory@80000000"
        " [0x80000000 - 0xbfffffff] at board.yaml:3 (Linux would refuse to ioremap it)",
    ),
    "beyond a 32-bit bus": (
        SOC + "  '#address-cells': 1\n  a:\n    reg:\n    - [0xfffff000, 8K]\n",
        "9: reg [0xfffff000 - 0x100000fff] reaches beyond the 32-bit address space"
        " (#address-cells 1, #size-cells 2 of /soc)",
    ),
    "address of too many bits": (
        SOC + "  '#address-cells': 1\n  a: {reg: [[0x100000000, 8K]]}\n",
        "7: reg: address 0x100000000 does not fit 1 cell (#address-cells 1, #size-cells 2 of /soc)",
    ),
    "size of too many bits": (
        SOC + "  '#size-cells': 1\n  a: {reg: [[0, 4G]]}\n",
        "7: reg: size 0x100000000 does not fit 1 cell (#address-cells 2, #size-cells 1 of /soc)",
    ),
    "beyond the CPU": (
        SOC + "  a: {reg: [[0xfffffffff000, 8K]]}\n",
        "6: reg [0xfffffffff000 - 0x1000000000fff] of /soc/a reaches beyond the CPU's 48-bit"
        " physical address space",
    ),
    "outside the ranges": (
        HEAD + "soc:\n  ranges: [[0, 0x1000, 64K]]\n  a: {reg: [[0xf000, 8K]]}\n",
        "6: reg [0xf000 - 0x10fff] of /soc/a lies outside the ranges of /soc",
    ),
    "missing size": (
        SOC + "  a: {reg: [[0x1000]]}\n",
        "6: bad cell count: reg [0x1000] has 1 numbers, not 2 [address, size]"
        " (#address-cells 2, #size-cells 2 of /soc)",
    ),
    "surplus size": (
        "cpus:\n  '#size-cells': 0\n  cpu@0: {reg: [[0, 0]]}\n",
        "3: bad cell count: reg [0, 0] has 2 numbers, not 1 [address]"
        " (#address-cells 2, #size-cells 0 of /cpus)",
    ),
    "reg without rows": (
        SOC + "  a: {reg: [0x1000, 4K]}\n",
        "6: reg is a list of rows such as [[0x30860000, 0x1000]], not [0x1000, 4K]",
    ),
    "reg of a word": (
        SOC + "  a: {reg: [[0x1000, 64MB]]}\n",
        "6: reg: '64MB' stands where a number is needed",
    ),
    "too many rows": (
        SOC + f"  a: {{reg: [{', '.join(['[0, 1]'] * 1025)}]}}\n",
        "6: reg has 1025 rows, more than 1024",
    ),
    "empty reg": (SOC + "  a: {reg: [[0x1000, 0]]}\n", "6: reg [0x1000, 0] is empty: its size is 0"),
    "cell count of ranges": (
        HEAD + "soc:\n  ranges: [[0, 64K]]\n",
        "5: bad cell count: ranges [0, 64K] has 2 numbers, not 3 [child address, parent address, size]"
        " (whole numbers, not cells)",
    ),
    "too many address cells": (
        "'#address-cells': 5\na: {reg: [[1, 2]]}\n",
        "1: #address-cells is 5, more than 4",
    ),
    "unit address": (
        SOC + "  camera@32e20000: {reg: [[0x32e21000, 4K]]}\n",
        "6: unit address of /soc/camera@32e20000 is not its first reg, 0x32e21000 (Linux would not notice)",
    ),
    # --- interrupts and phandles
    "interrupt cells": (
        SOC + GIC + "  a: {interrupt-parent: *gic, interrupts: [[33, level-high]]}\n",
        "7: bad cell count: interrupts of /soc/a has 2 cells, #interrupt-cells of /soc/gic is 3",
    ),
    "interrupt trigger": (
        SOC + GIC + "  a: {interrupt-parent: *gic, interrupts: [[spi, 33, high]]}\n",
        "7: interrupts of /soc/a: 'high' is unknown here:"
        " use edge-rising, edge-falling, edge-both, level-high, level-low, a number",
    ),
    "interrupt type": (
        SOC + GIC + "  a: {interrupt-parent: *gic, interrupts: [[sgi, 3, level-high]]}\n",
        "7: interrupts of /soc/a: 'sgi' is unknown here: use spi, ppi, a number",
    ),
    "interrupt number": (
        SOC + GIC + "  a: {interrupt-parent: *gic, interrupts: [[ppi, 16, level-low]]}\n",
        "7: interrupts of /soc/a: the last ppi is 15, not 16",
    ),
    "interrupt row": (
        SOC + GIC + "  a: {interrupt-parent: *gic, interrupts: [spi, 33, level-high]}\n",
        "7: interrupts is a list of rows such as [[spi, 33, level-high]], not ['spi', 33, 'level-high']",
    ),
    "no interrupt parent": (
        SOC + "  a: {interrupts: [[spi, 33, level-high]]}\n",
        "6: interrupts of /soc/a: no interrupt-parent here or above",
    ),
    "interrupt parent is no controller": (
        SOC + "  a: &a {interrupt-parent: *a, interrupts: [[1]]}\n",
        "6: interrupts of /soc/a names /soc/a, which has no #interrupt-cells",
    ),
    "iommu cells missing": (
        SOC + SMMU + "  a: {iommus: [*smmu]}\n",
        "7: bad cell count: iommus of /soc/a has 0 cells, #iommu-cells of /soc/smmu is 1"
        " (Linux would let the device do DMA past its IOMMU)",
    ),
    "iommu cells surplus": (
        SOC + SMMU + "  a: {iommus: [[*smmu, 1, 2]]}\n",
        "7: bad cell count: iommus of /soc/a has 2 cells, #iommu-cells of /soc/smmu is 1"
        " (Linux would let the device do DMA past its IOMMU)",
    ),
    "iommu row": (
        SOC + "  mmu: &mmu {'#iommu-cells': 0}\n  a: {iommus: [*mmu, 1]}\n",
        "7: iommus: 1 stands where a phandle is needed"
        " (an entry with arguments is a row: iommus: [[&mmu, 1]])",
    ),
    "iommu is none": (
        SOC + "  mmu: &mmu {x: 1}\n  a: {iommus: [[*mmu, 1]]}\n",
        "7: iommus of /soc/a names /soc/mmu, which has no #iommu-cells",
    ),
    "stream id too wide": (
        SOC + SMMU + "  a: {iommus: [[*smmu, 0x100000000]]}\n",
        "7: iommus of /soc/a: 0x100000000 does not fit one 32-bit cell",
    ),
    "unknown phandle in iommus": (
        SOC + "  a: {iommus: [['&smmu', 1]]}\n",
        "6: unknown phandle &smmu: no node has that label",
    ),
    # --- the rest
    "status": (
        "a: {status: enabled}\n",
        "1: status of /a is 'enabled': use okay, disabled, reserved or fail"
        " (Linux would take it as disabled)",
    ),
    "flag with a value": (
        POOLS + "  a: {size: 1M, no-map: 0}\n",
        "6: no-map is a flag: write true, not 0 (Linux would take it as set, whatever its value)",
    ),
    "compatible": ("a: {compatible: 5}\n", "1: compatible must be a string or a list of strings, not 5"),
    "alias": (
        "aliases: {serial0: /soc/uart}\n",
        "1: alias serial0 names '/soc/uart', and there is no such node",
    ),
    "stdout": (
        "chosen: {stdout-path: serial0}\n",
        "1: stdout-path names 'serial0', and there is no such node",
    ),
    "stdout of a number": (
        "chosen: {stdout-path: 0}\n",
        "1: stdout-path must be a phandle or a path, not 0",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name, complain):
    text, message = CASES[name]
    assert complain(text) == f"board.yaml:{message}"


GOOD = {
    "regions that touch": POOLS + "  a: {reg: [[0x90000000, 4K]]}\n  b: {reg: [[0x90001000, 4K]]}\n",
    "overlap with a disabled region": POOLS
    + "  a: {reg: [[0x90000000, 4K]]}\n  b: {status: disabled, reg: [[0x90000000, 4K]]}\n",
    "region across banks that touch": POOLS
    + "  a: {reg: [[0xbffff000, 8K]]}\nmemory@c0000000: {reg: [[0xc0000000, 1M]]}\n",
    "devices that touch": SOC + "  a@1000: {reg: [[0x1000, 4K]]}\n  b@2000: {reg: [[0x2000, 4K]]}\n",
    "overlap with a disabled device": SOC
    + "  a: {reg: [[0x1000, 4K]]}\n  b: {status: disabled, reg: [[0x1000, 4K]]}\n",
    "a device inside its own bus": SOC
    + "  hub: {ranges: true, reg: [[0x1000, 64K]], a: {reg: [[0x2000, 4K]]}}\n",
    "a device right below DRAM": SOC + "  a: {reg: [[0x7ffff000, 4K]]}\n",
    "the last byte of the CPU's space": SOC + "  a: {reg: [[0xfffffffff000, 4K]]}\n",
    "the last byte of a 32-bit bus": SOC + "  '#address-cells': 1\n  a: {reg: [[0xfffff000, 4K]]}\n",
    "addresses of another bus": SOC
    + "  i2c: {'#address-cells': 1, '#size-cells': 0, a: {reg: [[0x50]]}, b: {reg: [[0x50]]}}\n",
    "64 regions": POOLS + "".join(f"  r{n}: {{size: 4K}}\n" for n in range(64)),
}


@pytest.mark.parametrize("name", GOOD)
def test_near_miss_is_good(name, load):
    """Each rule has a neighbour that keeps it."""
    assert load(GOOD[name]).root.children
