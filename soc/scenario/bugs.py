"""Bugs that a scenario can plant: drivers that do one thing wrong.

Each is a subclass of a correct driver and takes its place in the kernel of
that run; the drivers that ship know nothing of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from devices.lcdif.driver import LcdifDriver
from soc.dmabuf.importer import ImportedBuffer
from soc.kernel.device import Driver


class SkipsSizeCheck(LcdifDriver):
    """Takes any framebuffer, however small."""

    def check_size(self, buffer: ImportedBuffer) -> None:
        pass


class UnmapsAtFlip(LcdifDriver):
    """Unmaps the buffer on screen when the next is programmed, not when it has left the screen."""

    def flip(self, index: int) -> None:
        on_screen = self.shown
        self.buffers[index].map()
        super().flip(index)
        if on_screen is not None and on_screen != index:
            self.buffers[on_screen].unmap()


BUGS: dict[str, type[LcdifDriver]] = {
    "display-skips-size-check": SkipsSizeCheck,
    "display-unmaps-at-flip": UnmapsAtFlip,
}


def with_bugs(drivers: tuple[type[Driver], ...], names: tuple[str, ...]) -> tuple[type[Driver], ...]:
    """`drivers` with the planted ones in place of what they derive from."""
    planted = [BUGS[name] for name in dict.fromkeys(names)]
    return tuple(_with(driver, [bug for bug in planted if bug.__base__ is driver]) for driver in drivers)


def _with(driver: type[Driver], bugs: Sequence[type[Driver]]) -> type[Driver]:
    """`driver` with every one of `bugs`, which are its direct subclasses."""
    return type(driver.__name__, tuple(bugs), {}) if bugs else driver
