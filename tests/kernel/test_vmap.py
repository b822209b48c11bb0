"""Kernel mappings: cached ones need syncs, uncached ones do not, and both are the CPU's in the ledger."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soc.dmabuf import dma_buf_attach, dma_buf_export, dma_buf_map_attachment_unlocked
from soc.dmabuf.buffer import DmaBuf, DmaBufAttachment, DmaBufOps
from soc.dmabuf.cpu_access import dma_buf_begin_cpu_access, dma_buf_end_cpu_access
from soc.kernel.dma import (
    dma_map_sgtable,
    dma_sync_sgtable_for_cpu,
    dma_sync_sgtable_for_device,
    dma_unmap_sgtable,
)
from soc.kernel.errors import KernelError
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.cache.incoherence import Kind
from tests.kernel.dma_bench import DmaBoard

TO, FROM = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE
SIZE = 0x3000


class Shared:
    """An exporter of ordinary memory; `synced` False forgets the brackets of CPU access."""

    def __init__(self, board: DmaBoard, synced: bool = True) -> None:
        self.board = board
        self.table = board.table(1, 2)
        self.mapping = KernelMapping(board.kernel, self.table.frames(), "overlay")
        self.mapped: list[tuple[DmaBufAttachment, SgTable]] = []
        ops = DmaBufOps(self.map, self.unmap, lambda dmabuf: None)
        if synced:
            ops = replace(ops, begin_cpu_access=self.begin, end_cpu_access=self.end)
        self.dmabuf = dma_buf_export(board.kernel, self, ops, SIZE, 2, "shared")

    def map(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
        sgt = self.table.copy()
        dma_map_sgtable(attachment.device, sgt, direction)
        self.mapped.append((attachment, sgt))
        return sgt

    def unmap(self, attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
        self.mapped.remove((attachment, sgt))
        dma_unmap_sgtable(attachment.device, sgt, DmaDirection.BIDIRECTIONAL)

    def begin(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        for attachment, sgt in self.mapped:
            dma_sync_sgtable_for_cpu(attachment.device, sgt, DmaDirection.BIDIRECTIONAL)

    def end(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        for attachment, sgt in self.mapped:
            dma_sync_sgtable_for_device(attachment.device, sgt, DmaDirection.BIDIRECTIONAL)

    def attach(self) -> int:
        """The DMA address of the first page, mapped for the board's engine."""
        attachment = dma_buf_attach(self.dmabuf, self.board.device())
        return int(dma_buf_map_attachment_unlocked(attachment, DmaDirection.BIDIRECTIONAL).dma_address[0])


@pytest.fixture
def board(tmp_path):
    made = DmaBoard(tmp_path)
    made.with_cache()
    yield made
    made.close()


@pytest.mark.parametrize("cached", [True, False])
def test_bytes_are_where_they_were_put(board, cached):
    table = board.table(1, 1, 1)
    board.kernel.cache.clean(table.spans[0])  # the zeroes of the allocation must not land on it later
    mapping = KernelMapping(board.kernel, table.frames(), "app", cached)
    before = board.kernel.cpu.traffic.total()
    mapping.fill(0x11)
    mapping.write(b"across", 4093)
    assert mapping.read(4090, 12).tobytes() == b"\x11\x11\x11across\x11\x11\x11"
    assert mapping.size == SIZE
    after = board.kernel.cpu.traffic.total()
    assert (after[0] - before[0], after[1] - before[1]) == (12, SIZE + 6)


@pytest.mark.parametrize(("offset", "size"), [(-1, 4), (SIZE - 3, 4), (SIZE + 1, 0)])
def test_a_mapping_ends_at_its_pages(board, offset, size):
    mapping = KernelMapping(board.kernel, board.table(3).frames(), "app")
    with pytest.raises(ValueError, match=f"app: bytes {offset} .. {offset + size} of a mapping of 12288"):
        mapping.read(offset, size)
    with pytest.raises(ValueError, match="of a mapping of 12288"):
        mapping.write(np.zeros(size, dtype=np.uint8), offset)


def test_an_uncached_mapping_needs_no_sync(board):
    table = board.table(1)
    board.kernel.cache.clean(table.spans[0])
    mapping = KernelMapping(board.kernel, table.frames(), "ring", cached=False)
    mapping.write(b"descriptor")
    assert board.engine_reads(int(table.starts[0]), 10) == b"descriptor"
    board.engine_writes(int(table.starts[0]), b"done")
    assert mapping.read(0, 4).tobytes() == b"done"
    assert board.kernel.cache.incidents == []


def test_a_cached_mapping_without_syncs_is_caught_with_its_owner(board):
    table = board.table(1)
    mapping = KernelMapping(board.kernel, table.frames(), "ring")
    mapping.write(b"descriptor")
    assert board.engine_reads(int(table.starts[0]), 10) == bytes(10)
    [found] = board.kernel.cache.incidents
    assert (found.kind, found.cpu.name, found.device.name) == (Kind.STALE_DEVICE_READ, "ring", "engine")


def test_the_cached_alias_of_an_uncached_buffer_is_caught(board):
    """The linear map of the same pages stays cached: who reads through it sees old data."""
    table = board.table(1)
    alias = KernelMapping(board.kernel, table.frames(), "linear map")
    alias.fill(0)
    board.kernel.cache.clean(table.spans[0])
    KernelMapping(board.kernel, table.frames(), "ring", cached=False).write(b"new")
    assert alias.read(0, 3).tobytes() == bytes(3)
    assert [incident.kind for incident in board.kernel.cache.incidents] == [Kind.STALE_CPU_READ]
    assert board.kernel.cache.incidents[0].device.name == "ring (uncached)"


# --- dma-bufs ----------------------------------------------------------------


def test_brackets_around_cpu_access_keep_both_sides_right(board):
    shared = Shared(board)
    address = shared.attach()
    for turn in (b"first", b"second"):
        dma_buf_begin_cpu_access(shared.dmabuf, TO)
        shared.mapping.write(turn)
        dma_buf_end_cpu_access(shared.dmabuf, TO)
        assert board.engine_reads(address, len(turn)) == turn
        board.engine_writes(address, turn.upper())
        dma_buf_begin_cpu_access(shared.dmabuf, FROM)
        assert shared.mapping.read(0, len(turn)).tobytes() == turn.upper()
        dma_buf_end_cpu_access(shared.dmabuf, FROM)
    assert board.kernel.cache.incidents == []


def test_without_them_every_access_is_an_incident(board):
    shared = Shared(board)
    address = shared.attach()
    shared.mapping.write(b"first")
    assert board.engine_reads(address, 5) == bytes(5)
    board.engine_writes(address + 2048, b"frame")
    assert shared.mapping.read(2048, 5).tobytes() == bytes(5)
    kinds = [incident.kind for incident in board.kernel.cache.incidents]
    assert kinds == [Kind.STALE_DEVICE_READ, Kind.STALE_CPU_READ]


def test_an_exporter_without_the_operations_does_nothing(board):
    shared = Shared(board, synced=False)
    address = shared.attach()
    dma_buf_begin_cpu_access(shared.dmabuf, TO)
    shared.mapping.write(b"first")
    dma_buf_end_cpu_access(shared.dmabuf, TO)
    assert board.engine_reads(address, 5) == bytes(5)
    assert [incident.kind for incident in board.kernel.cache.incidents] == [Kind.STALE_DEVICE_READ]


@pytest.mark.parametrize("call", [dma_buf_begin_cpu_access, dma_buf_end_cpu_access])
def test_null_is_einval(call):
    with pytest.raises(KernelError, match=f"-EINVAL: {call.__name__}: no dma-buf"):
        call(None, TO)
