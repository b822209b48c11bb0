"""What a board offers a boot loader: DRAM less its reserved regions, and boot ROMs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from soc.address import PhysAddr, human_size
from soc.boot.room import Need, Room, Span, align_down, align_up
from soc.devicetree.tree import Tree
from soc.errors import BadInput

BLOCK = 2 << 20
"""Linux maps itself and its device tree in blocks of 2 MiB."""

FIRST_DISTANCE = 128 << 20
ROM = "mtd-rom"
MOST_SHOWN = 4


class NoRoom(BadInput):
    """Something has no place on the board."""


@dataclass(frozen=True)
class Piece:
    """`data` at physical `address`, then zeros up to `size` bytes."""

    address: PhysAddr
    data: bytes
    size: int
    name: str

    @property
    def span(self) -> Span:
        return Span(self.address, self.address + self.size, self.name)


@dataclass(frozen=True)
class Site:
    """The memory of a board for the image `name`.

    `carveouts` are the regions with no-map, `unmapped` the blocks around them that Linux
    must not map as a whole.
    """

    name: str
    room: Room
    roms: tuple[Span, ...]
    carveouts: tuple[Span, ...]
    unmapped: tuple[Span, ...]

    @classmethod
    def of(cls, tree: Tree, name: str) -> Site:
        """The memory of `tree`. BadInput if it has none."""
        if not tree.memory:
            raise BadInput("the board has no memory node, so nothing can run on it", tree.root.where)
        banks = (Span(bank.base, bank.end, bank.node.path) for bank in tree.memory)
        reserved = {region: Span(region.base, region.end, region.node.path) for region in tree.reserved}
        roms = (
            Span(reg.address, reg.address + reg.size, node.path)
            for node in tree.compatible(ROM)
            for reg in node.reg
        )
        carveouts = tuple(span for region, span in reserved.items() if region.no_map)
        unmapped = (
            Span(align_down(span.base, BLOCK), align_up(span.end, BLOCK), span.name) for span in carveouts
        )
        kept = (Span(base, base + size, "/memreserve/") for base, size in tree.memreserve)
        room = Room(tuple(banks), (*reserved.values(), *kept))
        return cls(name, room, tuple(roms), carveouts, tuple(unmapped))

    @property
    def banks(self) -> tuple[Span, ...]:
        return self.room.banks

    def bank(self, address: int) -> Span:
        """The bank of DRAM that `address` lies in; the first for an address in a ROM."""
        return next((bank for bank in self.banks if bank.base <= address < bank.end), self.banks[0])

    def put(self, *pieces: Piece) -> Site:
        """What is left when `pieces` lie where they say.

        BadInput if one is neither in DRAM nor in a ROM, or over something else.
        """
        site = self
        for piece in pieces:
            span = piece.span
            if not any(memory.holds(span) for memory in (*self.banks, *self.roms)):
                raise BadInput(
                    f"{self.name}: {piece.name} at {span} ({human_size(span.size)}) does not lie in DRAM "
                    f"({_listed(self.banks)}){f' or a ROM ({_listed(self.roms)})' if self.roms else ''}"
                )
            if holder := site.room.holder(span):
                raise BadInput(
                    f"{self.name}: {piece.name} at {span} ({human_size(span.size)}) lies over "
                    f"{holder.name} at {holder}: move one of them"
                )
            site = replace(site, room=site.room.without([span]))
        return site

    def put_firmware(self, *pieces: Piece) -> Site:
        """The same for a program that may also live in a carveout of its own, with all its pieces."""
        for region in self.carveouts:
            if all(region.holds(piece.span) for piece in pieces):
                others = tuple(span for span in self.room.taken if span != region)
                placed = replace(self, room=Room(self.banks, others)).put(*pieces)
                return replace(placed, room=placed.room.without([region]))
        return self.put(*pieces)

    def find(self, what: str, need: Need, windows: Iterable[Span], avoid: Iterable[Span] = ()) -> PhysAddr:
        """The lowest address for `need` in the first of `windows` with room outside `avoid`. NoRoom."""
        address = self.room.without(avoid).lowest(need, windows)
        if address is None:
            raise self.no_room(what, need)
        return address

    def no_room(self, what: str, need: Need) -> NoRoom:
        """The error that says `what` has no place."""
        taken = _listed(f"{span.name} at {span}" for span in self.room.taken)
        wanted = f"{human_size(need.size)}, aligned to {human_size(need.alignment)}"
        return NoRoom(
            f"{self.name}: no room for {what} ({wanted}): "
            f"DRAM is {_listed(self.banks)}, taken are {taken or 'none'}; "
            "give the board more memory or reserve less of it"
        )

    def behind(self, bank: Span) -> list[Span]:
        """Where to look for room beside an image in `bank`: well behind it, before that, in other banks."""
        start = bank.base + min(bank.size // 2, FIRST_DISTANCE)
        others = [other for other in self.banks if other != bank]
        return [Span(start, bank.end), Span(bank.base, start), *others]


def _listed(spans: Iterable[object]) -> str:
    """The first of `spans` and how many more there are: no line has room for 64 reserved regions."""
    shown = [str(span) for span in spans]
    more = f" and {len(shown) - MOST_SHOWN} more" if len(shown) > MOST_SHOWN else ""
    return ", ".join(shown[:MOST_SHOWN]) + more
