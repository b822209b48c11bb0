"""Whatever a driver asks of the DMA API: an errno, a failed mapping or nothing, never a Python exception.

The checks are on, with every complaint logged, and the boards are the shipped one and
variants of it: without an IOMMU, bouncing everything, behind dma-ranges, coherent.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.address import PhysAddr
from soc.kernel import dma
from soc.kernel.dma import DmaAttrs
from soc.kernel.errors import KernelError
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable
from tests.conftest import CountFuzz
from tests.kernel.rehearsal import Rehearsal

STREAM = "    iommus: [[*smmu, 0x12]]\n"
BOARDS: dict[str, list[tuple[str, str]]] = {
    "IOMMU": [],
    "lazy": [("serial0:115200n8", "serial0:115200n8\n  bootargs: iommu.strict=0")],
    "direct": [(STREAM, "")],
    "coherent": [("soc:\n", "soc:\n  dma-coherent: true\n")],
    "bouncing": [(STREAM, ""), ("serial0:115200n8", "serial0:115200n8\n  bootargs: swiotlb=1024,force")],
    "windows": [(STREAM, ""), ("  ranges: true", "  dma-ranges: [[0x0, 0x80000000, 256M]]\n  ranges: true")],
}
SIZES = [1, 8, 60, 64, 4096, 4097, 65536, 262144, 262145, 0, -1, 1 << 33, 1 << 40, (1 << 64) - 1]
ODD = [0, 0, 0, 1, 60, 64, 4095]
ATTRS = [DmaAttrs.NONE, DmaAttrs.NONE, *DmaAttrs, DmaAttrs.SKIP_CPU_SYNC | DmaAttrs.NO_WARN]


class Fuzz:
    """One driver without a plan. What it was given is kept to be misused; `refused` calls got an errno."""

    def __init__(self, board: Rehearsal, seed: int) -> None:
        self.board = board
        self.device = board.device("dma")
        self.random = random.Random(seed)
        memory = board.kernel.memory
        self.pages = [memory.alloc_pages(16) for _ in range(3)]
        freed = memory.alloc_pages(1)
        memory.free_pages(freed, 1)
        bank = board.machine.dram.banks[0]
        places = [freed, bank.base, bank.end - 4096, bank.end, 0, 0x30860000, 0xB0000000, 1 << 32, 1 << 63]
        self.places = [*self.pages * 3, *places]
        self.addresses: list[int] = [0, 0x5000, dma.DMA_MAPPING_ERROR, 1 << 64, -64]
        self.tables: list[SgTable] = []
        self.lists: list[Any] = []
        self.coherent: list[Any] = []
        self.calls = self.refused = 0

    def run(self, kinds: list[str]) -> None:
        for kind in kinds:
            self.calls += 1
            try:
                getattr(self, kind)()
            except KernelError:
                self.refused += 1

    def close(self) -> None:
        """Give back what is left, so that the next finds the same machine."""
        for memory in self.coherent:
            if not memory.freed:
                dma.dma_free_coherent(self.device, memory.size, memory, memory.dma_address)
        for table in self.lists:
            dma.dma_free_noncontiguous(self.device, table, DmaDirection.BIDIRECTIONAL)
        for pages in self.pages:
            self.board.kernel.memory.free_pages(pages, 16)
        dma.dma_set_mask_and_coherent(self.device, 32)
        dma.dma_set_max_seg_size(self.device, 0)
        dma.dma_set_seg_boundary(self.device, 0)
        dma.dma_set_min_align_mask(self.device, 0)

    # --- arguments -------------------------------------------------------------

    def pick(self, choices: Any) -> Any:
        return self.random.choice(list(choices))

    def phys(self) -> PhysAddr:
        return PhysAddr(self.pick(self.places) + self.pick(ODD))

    def address(self) -> int:
        return int(self.pick(self.addresses[-8:] + self.addresses[:1])) + int(self.pick(ODD))

    def size(self) -> int:
        return int(self.pick(SIZES[:7] * 2 + SIZES))

    def way(self) -> DmaDirection:
        return DmaDirection(self.random.randrange(4))

    def nents(self) -> int | None:
        return self.random.choice([None, None, 0, 1, 5])

    # --- calls -----------------------------------------------------------------

    def single(self) -> None:
        device, way, size, attrs = self.device, self.way(), self.size(), self.pick(ATTRS)
        vmalloc = KernelMapping(self.board.kernel, np.array([self.pages[0] >> 12]), "driver")
        match self.random.randrange(9):
            case 0 | 1:
                self.addresses.append(dma.dma_map_single(device, self.phys(), size, way, attrs=attrs))
            case 2:
                frame = self.phys() >> 12
                self.addresses.append(dma.dma_map_page(device, frame, self.pick(ODD), size, way, attrs=attrs))
            case 3:
                self.addresses.append(dma.dma_map_resource(device, self.phys(), size, way, attrs=attrs))
            case 4:
                self.pick([dma.dma_unmap_single, dma.dma_unmap_page])(
                    device, self.address(), size, way, attrs=attrs
                )
            case 5:
                dma.dma_unmap_resource(device, self.address(), size, way, attrs=attrs)
            case 6:
                sync = self.pick([dma.dma_sync_single_for_cpu, dma.dma_sync_single_for_device])
                sync(device, self.address(), size, way)
            case 7:
                part = self.pick([dma.dma_sync_single_range_for_cpu, dma.dma_sync_single_range_for_device])
                part(device, self.address(), self.pick([*ODD, -4096, 1 << 63]), size, way)
            case _:
                assert (
                    dma.dma_map_single(device, vmalloc, 64, DmaDirection.TO_DEVICE) == dma.DMA_MAPPING_ERROR
                )
        dma.dma_mapping_error(device, self.address())

    def table(self) -> None:
        device, way, attrs = self.device, self.way(), self.pick(ATTRS)
        count = self.random.randrange(4)
        lengths = [abs(self.pick(SIZES[:12])) for _ in range(count)]
        self.tables.append(SgTable.of([(self.phys() & ~(1 << 63), length) for length in lengths]))
        sgt = self.pick(self.tables[-3:])
        match self.random.randrange(7):
            case 0 | 1:
                dma.dma_map_sgtable(device, sgt, way, attrs=attrs)
            case 2:
                dma.dma_map_sg(device, sgt, way, attrs=attrs)
            case 3:
                dma.dma_unmap_sg(device, sgt, way, self.nents(), attrs=attrs)
            case 4:
                dma.dma_unmap_sgtable(device, sgt, way, attrs=attrs)
            case 5:
                sync = self.pick([dma.dma_sync_sg_for_cpu, dma.dma_sync_sg_for_device])
                sync(device, sgt, way, self.nents())
            case _:
                self.pick([dma.dma_sync_sgtable_for_cpu, dma.dma_sync_sgtable_for_device])(device, sgt, way)
        self.addresses += sgt.dma_address[:2].tolist()

    def memory(self) -> None:
        device, size, attrs = self.device, self.size(), self.pick(ATTRS)
        if not self.coherent or self.random.random() < 0.4:
            got = self.pick([dma.dma_alloc_coherent, dma.dma_alloc_attrs])(device, size, attrs)
            if got is not None:
                self.coherent.append(got)
                self.addresses.append(got.dma_address)
            return
        memory, offset = self.pick(self.coherent), self.pick([*ODD, -1, 1 << 40])
        match self.random.randrange(5):
            case 0:
                dma.dma_free_coherent(device, size, memory, self.pick([memory.dma_address, self.address()]))
            case 1:
                dma.dma_mmap_coherent(device, memory, offset, self.pick([0, 1, -1, 1 << 40]))
            case 2:
                self.tables.append(dma.dma_get_sgtable(device, memory))
            case 3:
                memory.write(offset, np.ones(64, dtype=np.uint8))
            case _:
                memory.read(offset, 64)
        dma.dma_pgprot(device, attrs)

    def scattered(self) -> None:
        device, size, way = self.device, self.size(), self.way()
        if not self.lists or self.random.random() < 0.4:
            table = dma.dma_alloc_noncontiguous(device, size, way, self.pick(ATTRS))
            if table is not None:
                self.lists.append(table)
                self.tables.append(table)
            return
        table = self.pick(self.lists)
        match self.random.randrange(3):
            case 0:
                dma.dma_free_noncontiguous(device, table, way)
            case 1:
                dma.dma_mmap_noncontiguous(device, table, self.pick([*ODD, -1]), self.pick([0, 1, -1, 99]))
            case _:
                dma.dma_vmap_noncontiguous(device, table).fill(7, 0, 64)

    def limits(self) -> None:
        device, bits = self.device, self.pick([-1, 0, 1, 24, 31, 32, 33, 64, 99])
        dma.dma_set_max_seg_size(device, self.pick([0, 4096, 65536, 1 << 32]))
        dma.dma_set_seg_boundary(device, self.pick([0, 0xFFF, 0xFFFF, 0xFFFF_FFFF, (1 << 64) - 1]))
        dma.dma_set_min_align_mask(device, self.pick([0, 63, 2047, 4095]))
        dma.dma_max_mapping_size(device)
        dma.dma_addressing_limited(device)
        dma.dma_get_required_mask(device)
        set_mask = [dma.dma_set_mask, dma.dma_set_coherent_mask, dma.dma_set_mask_and_coherent]
        self.pick(set_mask)(device, bits)


KINDS = st.lists(
    st.sampled_from(["single"] * 3 + ["table"] * 2 + ["memory", "scattered", "limits"]),
    min_size=8,
    max_size=40,
)


@pytest.mark.parametrize("name", BOARDS)
def test_no_call_ends_in_a_python_exception(tmp_path, name: str, count_fuzz: CountFuzz) -> None:
    def variant(text: str) -> str:
        for old, new in BOARDS[name]:
            assert old in text
            text = text.replace(old, new)
        return text

    board = Rehearsal(tmp_path, variant)
    board.kernel.views.write("/sys/kernel/debug/dma-api/all_errors", "1")

    @settings(max_examples=60)
    @given(st.integers(0, 1 << 32), KINDS)
    def check(seed: int, kinds: list[str]) -> None:
        fuzz = Fuzz(board, seed)
        before = len(board.kernel.log.warnings)
        try:
            fuzz.run(kinds)
        finally:
            fuzz.close()
        complaints = len(board.kernel.log.warnings) - before
        count_fuzz("the DMA API", calls=fuzz.calls, refused=fuzz.refused, complaints=complaints)

    check()
    assert board.kernel.log.warnings, "nothing was wrong: the fuzz is too tame"
    board.close()
