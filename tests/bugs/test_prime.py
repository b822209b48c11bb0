"""Row 8: a PRIME handle that two libraries of one program have, and close each on its own."""

from __future__ import annotations

from errno import EINVAL

from soc.drm.callers import Callers
from soc.kernel.process import Process
from tests.bugs.bench import Bench, alloc, clean_bench, errno_of, noisy_bench
from tests.bugs.cards import GPU, Card, fd_to_handle, gem_close


class Library:
    """A library of `player`, which shares the card with others."""

    def __init__(self, bench: Bench, name: str, player: Process, card: int) -> None:
        self._callers = bench.kernel.subsystem(Callers)
        self._name = name
        self._player = player
        self._card = card

    def import_(self, fd: int) -> int:
        with self._callers.library(self._name):
            return fd_to_handle(self._player, self._card, fd)

    def close(self, handle: int) -> int:
        """0 or the errno."""
        with self._callers.library(self._name):
            return errno_of(gem_close, self._player, self._card, handle)


class Player:
    """A program with a video library and a renderer, and one open card for both."""

    def __init__(self, bench: Bench) -> None:
        self.gpu = Card(bench, "camera", GPU)
        self.process = bench.process("player")
        self.card = self.gpu.open(self.process)
        self.video = Library(bench, "libva", self.process, self.card)
        self.renderer = Library(bench, "renderer", self.process, self.card)

    def close(self) -> None:
        for fd in self.process.files.open_fds():
            self.process.close(fd)
        self.gpu.remove()


IN_PLAYER = "in player (pid 100)"
CLIENT = "client 1 of card0"


def test_row_08_planted_the_second_close_hits_a_number_that_is_free() -> None:
    with noisy_bench() as bench:
        player = Player(bench)
        frame = alloc(player.process)
        assert player.video.import_(frame) == player.renderer.import_(frame) == 1
        assert (player.renderer.close(1), player.video.close(1)) == (0, EINVAL)
        assert bench.warned() == [
            f"GEM_CLOSE: libva {IN_PLAYER} closes handle 1 of {CLIENT} again: it was gem object 1 of card0 "
            f"(dma-buf 3 'system'), closed by renderer {IN_PLAYER}"
        ]


def test_row_08_planted_the_second_close_hits_the_next_frame() -> None:
    with noisy_bench() as bench:
        player = Player(bench)
        frame, following = alloc(player.process), alloc(player.process)
        player.video.import_(frame)
        player.renderer.import_(frame)
        player.renderer.close(1)
        assert player.renderer.import_(following) == 1, "the number is given again"
        assert player.video.close(1) == 0, "Linux has no objection"
        assert player.gpu.dev.objects == [], "the renderer's frame is gone"
        assert bench.warned() == [
            f"GEM_CLOSE: libva {IN_PLAYER} closed someone else's handle: 1 of {CLIENT} was "
            f"gem object 1 of card0 (dma-buf 3 'system') until renderer {IN_PLAYER} closed it, and is now "
            f"gem object 2 of card0 (dma-buf 5 'system'), given to renderer {IN_PLAYER}"
        ]


def test_row_08_clean_who_counts_imports_closes_once() -> None:
    """As programs do since: a table of handles for the whole process, and the last user closes."""
    with clean_bench() as bench:
        player = Player(bench)
        for _ in range(10):
            frame = alloc(player.process)
            assert player.video.import_(frame) == player.renderer.import_(frame) == 1
            assert player.renderer.close(1) == 0
            player.process.close(frame)
        player.close()
