"""What the board's display showed last, as a camera in front of it would see it.

A probe on the display's frames, as `soc run` has one: the guest knows nothing of it.
"""

from __future__ import annotations

from functools import partial

from devices.lcdif.hardware import Lcdif
from soc.board import Machine
from soc.devicetree.tree import Tree
from soc.errors import BadInput
from soc.frames import FrameRecord
from soc.memory.span import Bytes


class Screen:
    """`picture` is the last whole frame, shape (height, width, 3), red first; None before there is one."""

    def __init__(self, tree: Tree) -> None:
        """Of the first display of `tree`. BadInput if it has none."""
        displays = tree.compatible(*Lcdif.compatible)
        if not displays:
            kinds = ", ".join(Lcdif.compatible)
            raise BadInput(f"the board has no display ({kinds}), so it has no screen", tree.root.where)
        self.picture: Bytes | None = None
        self._path = displays[0].path
        self._shown: tuple[str, int] | None = None

    def watch(self, machine: Machine) -> None:
        """Look at the display of `machine`, which was built of the same tree."""
        display = machine.models[self._path]
        assert isinstance(display, Lcdif)
        display.frames.listeners.append(partial(self._fetched, display))

    def _fetched(self, display: Lcdif, record: FrameRecord) -> None:
        """A frame has left the display; one with the bytes of the frame before shows nothing new."""
        if record.digest is None:
            return
        shown = record.digest, display.regs.get("TRANSFER_COUNT")
        if shown != self._shown:
            picture = display.picture(record.iova)
            self._shown, self.picture = shown, self.picture if picture is None else picture
