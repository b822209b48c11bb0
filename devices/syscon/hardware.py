"""A syscon: a block of registers that have nothing to do with each other, as plain storage.

Every word of the node's `reg`, however long that is, is zero at reset and keeps what is
written. Others watch single words of it: see power.py.

Source: the binding mfd/syscon.yaml.

Not modelled: what a vendor's block of that name does beside keeping values, reg-io-width
(accesses of any size are served), hwlocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from devices.syscon.regs import TABLE, WORD
from soc.address import human_size
from soc.bus import Target
from soc.device import Slot
from soc.errors import BadInput
from soc.registers import RegisterTable

Observer = Callable[[int], None]

LARGEST = 1 << 20
"""Bytes of one block."""


class Syscon:
    """One block. It is the target of its own accesses, for its size is the board's choice."""

    compatible: ClassVar[tuple[str, ...]] = ("syscon",)
    tables: ClassVar[tuple[RegisterTable, ...]] = (TABLE,)
    dma: ClassVar[bool] = False

    def __init__(self, slot: Slot) -> None:
        self.targets: tuple[Target, ...] = (self,)
        self._size = slot.node.reg[0].size if slot.node.reg else 0
        if self._size > LARGEST:
            problem = (
                f"reg of {slot.node.path} is {human_size(self._size)}, at most {human_size(LARGEST)} are kept"
            )
            raise BadInput(problem, slot.node.where)
        self._bytes = bytearray(self._size)
        self._observers: list[tuple[int, Observer]] = []

    def watch(self, offset: int, observer: Observer) -> None:
        """Have `observer(word)` called after each write to the word at `offset`.

        ValueError if there is no word, or if a word does not begin there.
        """
        if offset % WORD or not 0 <= offset <= self._size - WORD:
            raise ValueError(f"there is no word at offset {offset:#x} of its {self._size:#x} bytes")
        self._observers.append((offset, observer))

    def read(self, offset: int, size: int) -> int:
        return int.from_bytes(self._bytes[offset : offset + size], "little")

    def write(self, offset: int, size: int, value: int) -> None:
        self._bytes[offset : offset + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        for place, observer in self._observers:
            if offset < place + WORD and place < offset + size:
                observer(self.read(place, WORD))
