"""Bug 8: a PRIME handle closed twice, by two libraries of one process, and what it costs a third."""

from __future__ import annotations

import gc
from errno import EINVAL

import pytest

from soc.drm.callers import Callers
from soc.drm.handle_users import REMEMBERED, HandleUsers, Meaning
from soc.kernel.errors import KernelError
from tests.drm.bench import CardBench

IN_APP = "in app (pid 100)"
CLIENT = "client 1 of card1"


class Library:
    """A library of the program that shares its card with others."""

    def __init__(self, bench: CardBench, name: str, card: int) -> None:
        self._bench = bench
        self._name = name
        self._card = card

    def import_(self, fd: int) -> int:
        with self._bench.kernel.subsystem(Callers).library(self._name):
            return self._bench.to_handle(self._card, fd)

    def export(self, handle: int) -> int:
        with self._bench.kernel.subsystem(Callers).library(self._name):
            return self._bench.to_fd(self._card, handle)

    def close(self, handle: int) -> None:
        with self._bench.kernel.subsystem(Callers).library(self._name):
            self._bench.gem_close(self._card, handle)


@pytest.fixture
def card(bench: CardBench) -> int:
    return bench.open("card1")


@pytest.fixture
def decoder(bench: CardBench, card: int) -> Library:
    return Library(bench, "libva", card)


@pytest.fixture
def player(bench: CardBench, card: int) -> Library:
    return Library(bench, "mpv", card)


def test_two_libraries_close_one_handle(
    bench: CardBench, card: int, decoder: Library, player: Library
) -> None:
    frame = bench.foreign_fd(0)
    assert decoder.import_(frame) == player.import_(frame) == 1
    player.close(1)
    with pytest.raises(KernelError) as caught:
        decoder.close(1)
    assert caught.value.errno == EINVAL
    assert bench.warned() == [
        f"GEM_CLOSE: libva {IN_APP} closes handle 1 of {CLIENT} again: "
        f"it was gem object 1 of card1 (dma-buf 2 'foreign'), closed by mpv {IN_APP}"
    ]


def test_in_between_the_number_became_another_buffer_s(
    bench: CardBench, card: int, decoder: Library, player: Library
) -> None:
    frame, next_frame = bench.foreign_fd(0), bench.foreign_fd(1)
    decoder.import_(frame)
    player.import_(frame)
    player.close(1)
    assert player.import_(next_frame) == 1
    decoder.close(1)
    assert bench.warned() == [
        f"GEM_CLOSE: libva {IN_APP} closed someone else's handle: "
        f"1 of {CLIENT} was gem object 1 of card1 (dma-buf 2 'foreign') until mpv {IN_APP} closed it, "
        f"and is now gem object 2 of card1 (dma-buf 3 'foreign'), given to mpv {IN_APP}"
    ]
    assert bench.card1.objects == []
    with pytest.raises(KernelError):
        player.close(1)
    assert bench.warned() == [
        f"GEM_CLOSE: mpv {IN_APP} closes handle 1 of {CLIENT} again: "
        f"it was gem object 2 of card1 (dma-buf 3 'foreign'), closed by libva {IN_APP}"
    ]


def test_using_a_handle_that_another_has_by_now(
    bench: CardBench, card: int, decoder: Library, player: Library
) -> None:
    frame, next_frame = bench.foreign_fd(0), bench.foreign_fd(1)
    decoder.import_(frame)
    player.import_(frame)
    player.close(1)
    player.import_(next_frame)
    assert bench.app.fstat(decoder.export(1)) == bench.app.fstat(next_frame)
    assert bench.warned() == [
        f"PRIME_HANDLE_TO_FD: libva {IN_APP} uses someone else's handle: "
        f"1 of {CLIENT} was gem object 1 of card1 (dma-buf 2 'foreign') until mpv {IN_APP} closed it, "
        f"and is now gem object 2 of card1 (dma-buf 3 'foreign'), given to mpv {IN_APP}"
    ]


def test_a_program_that_says_nothing_of_its_libraries_and_closes_twice(bench: CardBench, card: int) -> None:
    frame = bench.foreign_fd(0)
    assert [bench.to_handle(card, frame), bench.to_handle(card, frame)] == [1, 1]
    bench.gem_close(card, 1)
    with pytest.raises(KernelError):
        bench.gem_close(card, 1)
    assert bench.warned() == [
        f"GEM_CLOSE: app (pid 100) closes handle 1 of {CLIENT} again: "
        "it was gem object 1 of card1 (dma-buf 2 'foreign'), closed by app (pid 100)"
    ]


def test_a_dumb_buffer_s_handle_is_its_creator_s(bench: CardBench, player: Library, card: int) -> None:
    handle = bench.dumb(card)
    player.close(handle)
    player.import_(bench.foreign_fd(0))
    bench.gem_close(card, 1)
    assert bench.warned() == [
        f"GEM_CLOSE: app (pid 100) closed someone else's handle: "
        f"1 of {CLIENT} was gem object 1 of card1 until mpv {IN_APP} closed it, "
        f"and is now gem object 2 of card1 (dma-buf 2 'foreign'), given to mpv {IN_APP}"
    ]


# --- what is right stays silent; the bench looks at the end -----------------------------------


def test_each_library_with_a_card_of_its_own_closes_its_own(bench: CardBench) -> None:
    frame = bench.foreign_fd(0)
    libraries = [Library(bench, name, bench.open("card1")) for name in ("libva", "mpv")]
    for library in libraries:
        assert library.import_(frame) == 1
    for library in libraries:
        library.close(1)


def test_importing_often_and_closing_once_is_right(bench: CardBench, card: int) -> None:
    frames = [bench.foreign_fd(page) for page in range(3)]
    for _ in range(10):
        for frame in frames:
            assert [bench.to_handle(card, frame) for _ in range(3)] == [1, 1, 1]
            bench.gem_close(card, 1)


def test_a_handle_may_be_closed_by_another_library_than_imported_it(
    bench: CardBench, decoder: Library, player: Library
) -> None:
    for page in range(3):
        player.close(decoder.import_(bench.foreign_fd(page)))
        assert bench.card1.objects == []


def test_a_library_within_a_library_is_the_one_that_calls(bench: CardBench, card: int) -> None:
    callers = bench.kernel.subsystem(Callers)
    with callers.library("outer"):
        with callers.library("inner"):
            assert callers.caller(bench.app) == f"inner {IN_APP}"
        assert callers.caller(bench.app) == f"outer {IN_APP}"
    assert callers.caller(bench.app) == "app (pid 100)"


def test_a_number_that_nobody_was_ever_told_is_einval_and_nothing_else(bench: CardBench, card: int) -> None:
    with pytest.raises(KernelError):
        bench.gem_close(card, 1)


# --- what is remembered -------------------------------------------------------------------------


def test_every_close_beyond_the_first_is_told_as_often_as_the_number_was_given(bench: CardBench) -> None:
    users = HandleUsers("client", bench.kernel.log)
    users.born(1, "frame")
    for _ in range(3):
        users.told("app", 1)
    for _ in range(4):
        users.closes("app", 1)
    again = "GEM_CLOSE: app closes handle 1 of client again: it was frame, closed by app"
    assert bench.warned() == [again, again]


def test_a_thousand_imports_of_one_frame_and_of_the_next_ones_leave_two_meanings(bench: CardBench) -> None:
    users = HandleUsers("client", bench.kernel.log)
    for frame in range(100):
        users.born(1, f"frame {frame}")
        for _ in range(10):
            users.told("app", 1)
        users.closes("app", 1)
    kept = [obj for obj in gc.get_objects() if isinstance(obj, Meaning) and obj.what.startswith("frame ")]
    assert sorted(meaning.what for meaning in kept) == ["frame 98", "frame 99"]
    assert len(kept) == REMEMBERED
