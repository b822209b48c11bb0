"""Names for program addresses."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Symbol:
    """A named place of the program; `size` in bytes, 0 when the image does not say."""

    address: int
    name: str
    size: int = 0


class SymbolTable:
    """Symbols of one image by address."""

    def __init__(self, symbols: list[Symbol]) -> None:
        self._by_name = {symbol.name: symbol for symbol in symbols}
        best: dict[int, Symbol] = {}
        for symbol in symbols:
            known = best.get(symbol.address)
            if known is None or (symbol.size, known.name) > (known.size, symbol.name):
                best[symbol.address] = symbol
        self._symbols = sorted(best.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def find(self, pc: int) -> Symbol | None:
        """The symbol that holds `pc`."""
        index = bisect_right(self._symbols, pc, key=lambda symbol: symbol.address) - 1
        if index < 0:
            return None
        symbol = self._symbols[index]
        return symbol if not symbol.size or pc < symbol.address + symbol.size else None

    def name(self, pc: int) -> str:
        """`pc` as people read it: `copy_frame+0x1c`, or hexadecimal where nothing is known."""
        symbol = self.find(pc)
        if symbol is None:
            return f"{pc:#x}"
        offset = pc - symbol.address
        return f"{symbol.name}+{offset:#x}" if offset else symbol.name

    def address(self, name: str) -> int:
        """Where `name` is. KeyError if the image has no such symbol."""
        return self._by_name[name].address
