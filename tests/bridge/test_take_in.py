"""Memory of another host process as a dma-buf of the model: no copy, and given back as it was."""

from __future__ import annotations

import numpy as np
import pytest

from soc.address import PAGE_SIZE, PhysAddr
from soc.bridge import host_buffer
from soc.bridge.host_buffer import HostBuffer
from soc.bridge.region import CmaRegion
from soc.dmabuf import (
    DmaBuf,
    dma_buf_attach,
    dma_buf_begin_cpu_access,
    dma_buf_detach,
    dma_buf_end_cpu_access,
    dma_buf_fd,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
)
from soc.kernel.fs.file import Holder
from soc.kernel.scatterlist import DmaDirection
from soc.memory.span import PageSpan
from tests.bridge.bench import Board, host_fds

USER = Holder("kernel", "test")
GIVE = """
import mmap
fd = new_memory(65536)
memory = mmap.mmap(fd, 65536)
memory[:] = bytes(range(256)) * 256
say(board.give("result", fd))
"""
CONTENT = bytes(range(256)) * 256


def take(board: Board) -> DmaBuf:
    return board.server.take("result", USER)


def buffer_of(dmabuf: DmaBuf) -> HostBuffer:
    assert isinstance(dmabuf.priv, HostBuffer)
    return dmabuf.priv


def test_the_cpu_programs_and_devices_meet_the_very_bytes_of_the_process(board: Board) -> None:
    child = board.process(
        GIVE + "hear(); say(bytes(memory[:5])); hear(); memory[4096:4099] = b'end'; say('ok'); hear()"
    )
    ino = int(child.line())
    dmabuf = take(board)
    assert (dmabuf.ino, dmabuf.exp_name, dmabuf.size) == (ino, "host", 65536)
    span = buffer_of(dmabuf).span
    assert span.contiguous
    assert bytes(board.dram.view(span.address, span.size)) == CONTENT
    assert bytes(board.kernel.cpu.read_span(span)) == CONTENT
    assert bytes(board.engine().read(span)) == CONTENT

    app = board.kernel.process("app")
    address = app.mmap(dma_buf_fd(app, dmabuf, holder=USER), 65536)
    app.store(address, b"CPU")
    board.engine().write(PageSpan.linear(PhysAddr(span.address + 3), 2), np.frombuffer(b"MA", dtype=np.uint8))
    child.tell()
    assert child.line() == "b'CPUMA'"
    child.tell()
    assert child.line() == "ok"
    assert app.load(address + 4096, 3) == b"end"
    assert bytes(board.engine().read(span)[4096:4099]) == b"end"
    app.exit()
    assert board.kernel.files.live() == []


def test_it_is_imported_like_any_other_dma_buf(board: Board) -> None:
    child = board.process(GIVE + "hear()")
    child.line()
    dmabuf = take(board)
    camera = board.rehearsal.device("camera")
    attachment = dma_buf_attach(dmabuf, camera)
    sgt = dma_buf_map_attachment_unlocked(attachment, DmaDirection.FROM_DEVICE)
    iova = int(sgt.dma_address[0])
    port = board.rehearsal.port(0x11)
    port.write(iova, np.frombuffer(b"frame", dtype=np.uint8))  # type: ignore[arg-type]
    dma_buf_unmap_attachment_unlocked(attachment, sgt, DmaDirection.FROM_DEVICE)
    dma_buf_detach(dmabuf, attachment)
    mapping = dma_buf_vmap_unlocked(dmabuf)
    assert bytes(mapping.read(0, 8)) == b"frame\x05\x06\x07"
    dma_buf_vunmap_unlocked(dmabuf, mapping)
    dma_buf_put(dmabuf, USER)


def test_a_bracket_syncs_for_its_own_direction(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    child = board.process(GIVE + "hear()")
    child.line()
    dmabuf = take(board)
    attachment = dma_buf_attach(dmabuf, board.rehearsal.device("camera"))
    sgt = dma_buf_map_attachment_unlocked(attachment, DmaDirection.BIDIRECTIONAL)
    seen: list[DmaDirection] = []
    for call in ("dma_sync_sgtable_for_cpu", "dma_sync_sgtable_for_device"):
        monkeypatch.setattr(host_buffer, call, lambda device, table, direction: seen.append(direction))
    dma_buf_begin_cpu_access(dmabuf, DmaDirection.FROM_DEVICE)
    dma_buf_end_cpu_access(dmabuf, DmaDirection.FROM_DEVICE)
    assert seen == [DmaDirection.FROM_DEVICE] * 2
    dma_buf_unmap_attachment_unlocked(attachment, sgt, DmaDirection.BIDIRECTIONAL)
    dma_buf_detach(dmabuf, attachment)
    dma_buf_put(dmabuf, USER)


def test_after_the_release_dram_has_its_own_pages_cleared_and_the_process_its_memory(
    board: Board,
) -> None:
    board.dram.view(board.pool.base, 65536)[:] = 0xAA
    child = board.process(GIVE + "hear(); say(bytes(memory) == bytes(range(256)) * 256); hear()")
    child.line()
    before = host_fds()
    dmabuf = take(board)
    span = buffer_of(dmabuf).span
    assert board.pool.used == 65536
    dma_buf_put(dmabuf, USER)
    assert board.pool.used == 0
    assert not board.dram.view(span.address, span.size).any()
    board.dram.view(span.address, span.size)[:] = 9
    assert bytes(board.engine().read(span)) == bytes([9]) * 65536
    child.tell()
    assert child.line() == "True"
    assert host_fds() == before - 1, "the copy of the memfd is closed"


def test_pages_that_were_dirty_or_stale_before_leave_no_trace_in_the_process(board: Board) -> None:
    """In a region that the CPU may cache, a line of the old owner must not land on the new memory."""
    cma = board.kernel.memory.cma.default
    assert cma is not None
    frame = cma.alloc(16)
    span = PageSpan.linear(PhysAddr(frame << 12), 65536)
    cma.release(frame, 16)
    board.kernel.cpu.write_span(span, np.full(65536, 0xEE, dtype=np.uint8))
    board.engine().write(PageSpan.linear(span.address, 32768), np.full(32768, 0xDD, dtype=np.uint8))
    board.server._desk.region = CmaRegion(cma)
    child = board.process(GIVE + "hear(); say(bytes(memory) == bytes(range(256)) * 256); hear()")
    child.line()
    dmabuf = take(board)
    assert buffer_of(dmabuf).span.address == span.address
    assert bytes(board.engine().read(span)) == CONTENT
    child.tell()
    assert child.line() == "True"
    dma_buf_put(dmabuf, USER)
    assert cma.used == 0
    assert board.kernel.cache is not None
    before = len(board.kernel.cache.incidents)
    board.kernel.cpu.write_span(span, np.full(65536, 1, dtype=np.uint8))
    board.engine().read(span)
    assert len(board.kernel.cache.incidents) == before + 1, "the place is cached as it was"


def test_windows_on_the_place_show_what_is_there_now(board: Board) -> None:
    frames = np.array([3, 1, 0, 2]) + (0xB000_0000 >> 12)
    span = PageSpan.of(frames, 0, 4 * PAGE_SIZE)
    for _ in range(4):
        assert not board.dram.read(span).any()
    child = board.process(GIVE + "hear()")
    child.line()
    for _ in range(4):
        assert bytes(board.dram.read(span)[:4096]) == CONTENT[:4096]
        board.dram.write(span, np.frombuffer(CONTENT[: 4 * PAGE_SIZE], dtype=np.uint8))
    dma_buf_put(take(board), USER)
    for value in range(4):
        board.dram.write(span, np.full(4 * PAGE_SIZE, value, dtype=np.uint8))
        assert set(board.bytes_of(frames).tolist()) == {value}
        assert set(board.dram.read(span).tolist()) == {value}


# --- the ledger -------------------------------------------------------------------


def test_a_process_may_be_killed_before_the_model_takes_what_it_gave(board: Board) -> None:
    child = board.process(GIVE + "hear()")
    ino = int(child.line())
    child.kill()
    assert board.server.given == ["result"]
    [file] = board.kernel.files.live()
    assert (file.ino, file.held_by()) == (ino, f"message from host process {child.pid}")
    dmabuf = take(board)
    assert dmabuf.file.held_by() == "kernel test"
    assert bytes(board.engine().read(buffer_of(dmabuf).span)) == CONTENT
    dma_buf_put(dmabuf, USER)
    assert board.kernel.files.live() == []
    assert board.server.given == []


def test_a_process_may_be_killed_while_the_model_uses_its_memory(board: Board) -> None:
    child = board.process(GIVE + "hear()")
    child.line()
    dmabuf = take(board)
    child.kill()
    assert dmabuf.file.held_by() == "kernel test"
    assert bytes(board.engine().read(buffer_of(dmabuf).span)) == CONTENT
    dma_buf_put(dmabuf, USER)


def test_what_nobody_took_goes_with_the_server(board: Board) -> None:
    child = board.process(GIVE + "hear()")
    child.line()
    board.server.close()
    assert board.kernel.files.live() == []
    assert board.pool.used == 0


@pytest.mark.parametrize("source", ["model", "process"])
def test_a_buffer_handed_back_is_the_same_dma_buf(board: Board, source: str) -> None:
    if source == "model":
        dmabuf = board.scattered().dmabuf
    else:
        giver = board.process(GIVE + "hear()")
        giver.line()
        dmabuf = take(board)
    board.server.publish("frame", dmabuf)
    child = board.process("frame = board.get('frame'); say(board.give_back('again', frame)); hear()")
    assert child.line() == str(dmabuf.ino)
    again = board.server.take("again", USER)
    assert again is dmabuf
    assert len(board.kernel.files.live()) == 1
    dma_buf_put(again, USER)
    child.kill()


def test_memory_given_by_one_process_reaches_another(board: Board) -> None:
    giver = board.process(GIVE + "hear(); say(bytes(memory[:4])); hear()")
    giver.line()
    board.server.publish("frame", take(board))
    other = board.process(
        """
frame = board.get("frame")
say(bytes(frame.array[:4]))
frame.array[:4] = list(b"back")
say("written"); hear()
"""
    )
    assert [other.line(), other.line()] == [str(CONTENT[:4]), "written"]
    giver.tell()
    assert giver.line() == "b'back'"


def test_every_allocation_that_fails_on_the_way_leaves_nothing_behind(board: Board) -> None:
    child = board.process(
        """
fd = new_memory(65536)
say("ready")
while hear():
    try: say("given", board.give("result", fd))
    except BridgeError as error: say(error)
"""
    )
    assert child.line() == "ready"
    board.serve_until(lambda: child.pid in board.server.clients)
    before = host_fds()
    failures = []
    for nth in range(1, 10):
        board.kernel.faults.fail_nth(nth)
        child.tell("give")
        if (answer := child.line()).startswith("given"):
            break
        failures.append(answer)
        assert host_fds() == before
        assert board.kernel.files.live() == []
        assert board.pool.used == 0
        assert board.kernel.memory.owners.live == []
    assert failures == [
        "-ENOMEM: injected failure: kmalloc of dma_buf",
        "-ENOMEM: injected failure: kmalloc of file",
    ]
    dma_buf_put(take(board), USER)
