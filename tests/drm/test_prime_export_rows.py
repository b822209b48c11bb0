"""PRIME_HANDLE_TO_FD and GEM objects as dma-bufs: the rules of SEMANTICS.md 7.1, one by one."""

from __future__ import annotations

import os
from errno import EACCES, EINVAL, EMFILE, ENOENT, ENOSYS
from mmap import MAP_SHARED, PROT_READ, PROT_WRITE
from pathlib import Path

import pytest

from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    get_dma_buf,
)
from soc.drm.export import drm_gem_prime_export
from soc.drm.gem import CREATOR, DrmGemObject, DrmGemObjectFuncs, drm_gem_object_put
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.uapi.drm import DRM_CLOEXEC, DRM_RDWR
from tests.drm.bench import CardBench, card_bench

# --- HANDLE_TO_FD ---------------------------------------------------------------------


@pytest.mark.parametrize("flags", [1, 4, 0x100, DRM_RDWR | 1, DRM_CLOEXEC | 0x400])
def test_h2fd_other_flags_are_einval(bench: CardBench, flags: int) -> None:
    card = bench.open()
    handle = bench.dumb(card)
    with pytest.raises(KernelError) as caught:
        bench.to_fd(card, handle, flags=flags)
    assert caught.value.errno == EINVAL
    assert bench.app.files.open_fds() == [card]


def test_h2fd_of_an_unknown_handle_is_enoent_and_leaves_no_fd(bench: CardBench) -> None:
    card = bench.open()
    with pytest.raises(KernelError) as caught:
        bench.to_fd(card, 1)
    assert caught.value.errno == ENOENT
    assert bench.app.dup(card) == card + 1


def test_h2fd_of_a_fresh_object_gives_a_dma_buf_with_three_references(bench: CardBench) -> None:
    card = bench.open()
    handle = bench.dumb(card)
    fd = bench.to_fd(card, handle)
    dmabuf = bench.dmabuf(fd)
    [obj] = bench.card0.objects
    assert {str(holder): n for holder, n in dmabuf.file.holders.items()} == {
        f"fd {fd} of app (pid 100)": 1,
        "kernel gem object 1 of card0": 1,
        "kernel PRIME handle 1 of client 1 of card0": 1,
    }
    assert bench.app.fdinfo(fd).splitlines()[-2:] == ["count:\t3", "exp_name:\tdisplay"]
    assert (obj.held_by(), bench.card0.kref) == (f"{dmabuf}, handles", 3)
    assert (dmabuf.size, dmabuf.resv) == (obj.size, obj.resv)


def test_h2fd_again_gives_another_fd_of_the_same_dma_buf(bench: CardBench) -> None:
    card = bench.open()
    handle = bench.dumb(card)
    first, second = bench.to_fd(card, handle), bench.to_fd(card, handle, flags=DRM_CLOEXEC)
    assert first != second
    assert bench.app.fstat(first) == bench.app.fstat(second)
    assert bench.app.files.cloexec == {second}
    assert bench.dmabuf(first).file.f_count == 4


def test_h2fd_of_another_client_s_handle_of_the_same_object_gives_the_same_dma_buf(bench: CardBench) -> None:
    mine, theirs = bench.open(), bench.open()
    fd = bench.to_fd(mine, bench.dumb(mine))
    other = bench.to_fd(theirs, bench.to_handle(theirs, fd))
    assert bench.app.fstat(fd) == bench.app.fstat(other)
    holders = [str(holder) for holder in bench.dmabuf(fd).file.holders]
    assert [name for name in holders if "PRIME" in name] == [
        "kernel PRIME handle 1 of client 1 of card0",
        "kernel PRIME handle 1 of client 2 of card0",
    ]


def test_h2fd_with_a_full_table_is_emfile_and_exports_nothing(bench: CardBench) -> None:
    card = bench.open()
    handle = bench.dumb(card)
    bench.app.files.limit = card + 1
    with pytest.raises(KernelError) as caught:
        bench.to_fd(card, handle)
    assert caught.value.errno == EMFILE
    assert bench.card0.objects[0].dma_buf is None


def test_h2fd_while_the_last_handle_is_being_closed_is_enoent(bench: CardBench) -> None:
    card = bench.open()
    handle = bench.dumb(card)
    [obj] = bench.card0.objects
    obj.handle_count = 0  # GEM_CLOSE has got as far as this
    with pytest.raises(KernelError) as caught:
        bench.to_fd(card, handle)
    obj.handle_count = 1
    assert (caught.value.errno, obj.dma_buf) == (ENOENT, None)


def test_closing_the_fd_alone_releases_nothing_while_a_handle_is_open(bench: CardBench) -> None:
    card = bench.open()
    handle = bench.dumb(card)
    fd = bench.to_fd(card, handle)
    dmabuf = bench.dmabuf(fd)
    bench.app.close(fd)
    assert (dmabuf.released, dmabuf.file.f_count) == (False, 2)
    assert bench.app.fstat(bench.to_fd(card, handle)).st_ino == dmabuf.ino
    bench.app.close(fd)
    bench.gem_close(card, handle)
    assert dmabuf.released
    bench.app.close(card)
    assert bench.counts() == bench.baseline


def test_the_object_s_reference_goes_with_its_last_handle_on_any_file(bench: CardBench) -> None:
    mine, theirs = bench.open(), bench.open()
    fd = bench.to_fd(mine, bench.dumb(mine))
    bench.to_handle(theirs, fd)
    dmabuf = bench.dmabuf(fd)
    assert dmabuf.file.f_count == 4
    bench.gem_close(mine, 1)
    assert dmabuf.file.f_count == 3
    bench.gem_close(theirs, 1)
    assert (dmabuf.file.held_by(), bench.card0.objects[0].held_by()) == ("fd 2 of app (pid 100)", str(dmabuf))
    bench.app.close(fd)
    assert bench.card0.objects == []


def test_the_dma_buf_keeps_object_and_device_when_the_card_is_closed(bench: CardBench) -> None:
    card = bench.open()
    fd = bench.to_fd(card, bench.dumb(card))
    bench.app.close(card)
    assert (bench.card0.kref, len(bench.card0.objects)) == (2, 1)
    bench.app.close(fd)
    assert bench.counts() == bench.baseline


def test_h2fd_opens_the_dma_buf_as_the_flags_say(bench: CardBench) -> None:
    card = bench.open()
    read_only = bench.to_fd(card, bench.dumb(card))
    writable = bench.to_fd(card, bench.dumb(card), flags=DRM_RDWR)
    with pytest.raises(KernelError) as caught:
        bench.app.mmap(read_only, 4096, PROT_READ | PROT_WRITE, MAP_SHARED)
    assert caught.value.errno == EACCES
    assert bench.app.load(bench.app.mmap(read_only, 4096, PROT_READ, MAP_SHARED), 4) == bytes(4)
    address = bench.app.mmap(writable, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, 4096)
    bench.app.store(address, b"drawn")
    assert bench.app.load(address, 5) == b"drawn"


# --- the exporter's side ------------------------------------------------------------------


@pytest.mark.parametrize("generation", [Generation.V4_9, Generation.V6_12], ids=str)
def test_an_object_that_cannot_tell_its_memory_is_enosys(tmp_path: Path, generation: Generation) -> None:
    with card_bench(tmp_path, generation) as bench:
        obj = DrmGemObject(bench.card0, 4096, DrmGemObjectFuncs(lambda obj: None))
        dmabuf = drm_gem_prime_export(obj, os.O_RDWR)
        with pytest.raises(KernelError) as caught:
            attachment = dma_buf_attach(dmabuf, bench.camera)
            try:
                dma_buf_map_attachment_unlocked(attachment, DmaDirection.TO_DEVICE)
            finally:
                dma_buf_detach(dmabuf, attachment)
        assert (caught.value.errno, dmabuf.attachments) == (ENOSYS, [])
        warned = ["drm_gem_map_dma_buf: gem object 1 of card0 has no get_sg_table"]
        assert bench.warned() == (warned if generation is Generation.V4_9 else [])
        dma_buf_put(dmabuf, dmabuf.exporter)
        drm_gem_object_put(obj, CREATOR)


def test_an_object_that_cannot_be_mapped_is_einval(bench: CardBench) -> None:
    obj = DrmGemObject(bench.card0, 4096, DrmGemObjectFuncs(lambda obj: None))
    dmabuf = drm_gem_prime_export(obj, os.O_RDWR)
    fd = bench.app.files.get_unused_fd()
    bench.app.files.fd_install(fd, dmabuf.file, dmabuf.exporter)
    with pytest.raises(KernelError) as caught:
        bench.app.mmap(fd, 4096)
    assert caught.value.errno == EINVAL
    drm_gem_object_put(obj, CREATOR)


def test_there_are_no_brackets_of_cpu_access_and_mappings_are_kept(bench: CardBench) -> None:
    card = bench.open()
    dmabuf = bench.dmabuf(bench.to_fd(card, bench.dumb(card)))
    assert dmabuf.ops.begin_cpu_access is None and dmabuf.ops.end_cpu_access is None
    camera = Holder("importer", "camera")
    get_dma_buf(dmabuf, camera)
    attachment = dma_buf_attach(dmabuf, bench.camera)
    first = dma_buf_map_attachment_unlocked(attachment, DmaDirection.BIDIRECTIONAL)
    assert dma_buf_map_attachment_unlocked(attachment, DmaDirection.TO_DEVICE) is first
    dma_buf_detach(dmabuf, attachment)
    assert dmabuf.mappings == []
    dma_buf_put(dmabuf, camera)
