"""PRIME_FD_TO_HANDLE: the rules of SEMANTICS.md 7.1, one by one."""

from __future__ import annotations

from errno import EBADF, EINVAL

import pytest

from soc.dmabuf import dma_buf_put, get_dma_buf
from soc.drm.device import DrmDevice, DrmDriver, drm_dev_register, drm_dev_unregister
from soc.drm.file import drm_open
from soc.drm.gem import DrmGemObject, DrmGemObjectFuncs
from soc.drm.gem_dma_helper import dma_addr_of, drm_gem_dma_create
from soc.drm.prime import PrimeTable
from soc.kernel.errors import KernelError
from tests.drm.bench import CardBench


def test_f2h_of_a_bad_fd_is_ebadf(bench: CardBench) -> None:
    with pytest.raises(KernelError) as caught:
        bench.to_handle(bench.open(), 77)
    assert caught.value.errno == EBADF


def test_f2h_of_an_fd_that_is_no_dma_buf_is_einval(bench: CardBench) -> None:
    card = bench.open()
    with pytest.raises(KernelError) as caught:
        bench.to_handle(card, card)
    assert caught.value.errno == EINVAL


def test_f2h_a_second_time_gives_the_handle_it_has_and_one_close_ends_it(bench: CardBench) -> None:
    card, fd = bench.open("card1"), bench.foreign_fd(0, 2, 1)
    dmabuf = bench.dmabuf(fd)
    assert [bench.to_handle(card, fd) for _ in range(5)] == [1] * 5
    [obj] = bench.card1.objects
    assert (obj.handle_count, obj.refcount, len(dmabuf.attachments)) == (1, 1, 1)
    bench.gem_close(card, 1)
    assert (bench.card1.objects, dmabuf.attachments, dmabuf.file.f_count) == ([], [], 1)


def test_f2h_by_the_exporting_client_gives_its_own_handle(bench: CardBench) -> None:
    card = bench.open()
    handle = bench.dumb(card)
    assert bench.to_handle(card, bench.to_fd(card, handle)) == handle
    assert bench.card0.objects[0].handle_count == 1


def test_f2h_of_the_device_s_own_dma_buf_attaches_nothing(bench: CardBench) -> None:
    mine, theirs = bench.open(), bench.open()
    fd = bench.to_fd(mine, bench.dumb(mine))
    bench.dumb(theirs)
    assert bench.to_handle(theirs, fd) == 2
    assert (bench.card0.objects[0].handle_count, bench.dmabuf(fd).attachments) == (2, [])


def test_f2h_of_a_client_that_has_another_handle_of_its_own_object(bench: CardBench) -> None:
    """The table does not know a handle that was never exported, so the client gets a second one."""
    mine, theirs = bench.open(), bench.open()
    fd = bench.to_fd(mine, bench.dumb(mine))
    theirs_handle = bench.to_handle(theirs, fd)
    bench.gem_close(mine, 1)
    assert bench.to_handle(mine, bench.to_fd(theirs, theirs_handle)) == 1
    obj = bench.card0.objects[0]
    assert (obj.handle_count, obj.dma_buf) == (2, bench.dmabuf(fd))


def test_f2h_of_another_device_s_dma_buf_attaches_and_maps_it_at_once_until_the_end(bench: CardBench) -> None:
    shows, draws = bench.open("card0"), bench.open("card1")
    fd = bench.to_fd(shows, bench.dumb(shows))
    dmabuf = bench.dmabuf(fd)
    handle = bench.to_handle(draws, fd)
    [obj] = bench.card1.objects
    assert [str(mapping) for mapping in dmabuf.mappings] == [
        f"gpu at iova {dma_addr_of(bench.card0.objects[0]):#x} (BIDIRECTIONAL)"
    ]
    assert obj.import_attach is dmabuf.attachments[0]
    assert (obj.sgt, obj.resv, obj.dma_buf) == (dmabuf.mappings[0].sgt, dmabuf.resv, dmabuf)
    bench.app.close(fd)
    bench.app.close(shows)
    assert len(bench.card0.objects) == 1
    bench.gem_close(draws, handle)
    assert (bench.card0.objects, dmabuf.released) == ([], True)


def test_exporting_an_imported_object_gives_the_original_dma_buf(bench: CardBench) -> None:
    shows, draws, third = bench.open("card0"), bench.open("card1"), bench.open("card1")
    fd = bench.to_fd(shows, bench.dumb(shows))
    again = bench.to_fd(draws, bench.to_handle(draws, fd))
    assert bench.app.fstat(again) == bench.app.fstat(fd)
    assert bench.to_handle(shows, again) == 1
    bench.to_handle(third, again)
    assert len(bench.card1.objects) == 2


def test_f2h_by_a_driver_that_cannot_import_is_einval(bench: CardBench) -> None:
    plain = DrmDevice(bench.camera, DrmDriver("plain"), "card2")
    drm_dev_register(plain, drm_open)
    card = bench.app.open("/dev/dri/card2")
    with pytest.raises(KernelError) as caught:
        bench.to_handle(card, bench.foreign_fd(0))
    assert caught.value.errno == EINVAL
    assert caught.value.why == "plain cannot import, and dma-buf 2 'foreign' is not its own"
    drm_dev_unregister(plain)


def test_a_driver_may_import_in_its_own_way(bench: CardBench) -> None:
    def take(dev: DrmDevice, dmabuf: object) -> DrmGemObject:
        return DrmGemObject(dev, 4096, DrmGemObjectFuncs(lambda obj: None))

    special = DrmDevice(bench.camera, DrmDriver("special", gem_prime_import=take), "card2")
    drm_dev_register(special, drm_open)
    card, fd = bench.app.open("/dev/dri/card2"), bench.foreign_fd(0)
    assert bench.to_handle(card, fd) == 1
    assert (bench.dmabuf(fd).attachments, special.objects[0].dma_buf) == ([], bench.dmabuf(fd))
    drm_dev_unregister(special)


def test_an_import_that_names_an_object_of_another_dma_buf_is_a_warning(bench: CardBench) -> None:
    obj = drm_gem_dma_create(bench.card0, 4096)
    obj.dma_buf = first = bench.foreign(0).export()
    get_dma_buf(first, obj.cache_holder)

    def take(dev: DrmDevice, dmabuf: object) -> DrmGemObject:
        return obj

    wrong = DrmDevice(bench.camera, DrmDriver("wrong", gem_prime_import=take), "card2")
    drm_dev_register(wrong, drm_open)
    fd = bench.foreign_fd(1)
    bench.to_handle(bench.app.open("/dev/dri/card2"), fd)
    assert bench.warned() == [
        f"drm_gem_prime_fd_to_handle: gem object 1 of card0 is {first}, "
        f"and was imported from {bench.dmabuf(fd)}"
    ]
    dma_buf_put(first, first.exporter)
    drm_dev_unregister(wrong)


def test_of_two_handles_of_one_dma_buf_the_one_entered_first_is_found(
    bench: CardBench,
) -> None:
    table, dmabuf = PrimeTable(bench.kernel, "client"), bench.dmabuf(bench.foreign_fd(0))
    other = bench.dmabuf(bench.foreign_fd(1))
    for handle in (7, 2):
        table.add(dmabuf, handle)
    table.add(other, 5)
    found = [table.handle_of(dmabuf)]
    for handle in (7, 2):
        table.remove(handle)
        found.append(table.handle_of(dmabuf))
    assert (found, table.handle_of(other), len(table)) == ([7, 2, None], 5, 1)
    table.remove(5)
