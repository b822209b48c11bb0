"""Where an image, an initrd and the device tree go, and where the CPU starts.

Everything lies in DRAM, or for a firmware in a boot ROM, over no reserved
region and over nothing else; only a firmware may fill a no-map region, if it
lies wholly inside. The choice is the same every time:

               Linux                                  flat binary, ELF
  image        lowest 2 MiB boundary + text_offset    `load`, else the first boot ROM, else the start of
               of DRAM behind its first 2 MiB         DRAM; an ELF file says itself where
  initrd       128 MiB (at most half the bank)        the same
               behind the start of the bank
  device tree  there too, behind the initrd           the start of DRAM, where U-Boot looks for it;
                                                      if that is taken, a gap behind the image

What finds no room at its own place takes the lowest that is free.
Source: Documentation/arch/arm64/booting.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from soc.address import PhysAddr, human_size
from soc.boot.images import BootImage, ElfImage, FlatImage, LinuxImage
from soc.boot.images_linux import LinuxHeader
from soc.boot.room import Need, Span, align_down, align_up
from soc.boot.site import BLOCK, NoRoom, Piece, Site
from soc.devicetree.tree import Tree
from soc.errors import BadInput

LARGEST_DTB = BLOCK
LARGEST_PAGE = 64 << 10
"""Nothing shares a page with an initrd, which Linux gives back in whole pages of up to 64 KiB."""

FIRMWARE_GAP = 1 << 20
"""What a firmware may use behind its image without saying so: zeroed data, a stack."""

WINDOW = 32 << 30
WINDOW_ALIGNMENT = 1 << 30
OLD_DTB_REACH = 512 << 20


@dataclass(frozen=True)
class Layout:
    """The CPU starts at `entry` with x0 = `dtb`, where `dtb_size` bytes are kept for the device tree."""

    entry: PhysAddr
    image: tuple[Piece, ...]
    initrd: Piece | None
    dtb: PhysAddr
    dtb_size: int

    def pieces(self, dtb: bytes) -> tuple[Piece, ...]:
        """All that is written before the CPU starts. ValueError if `dtb` is larger than was planned."""
        if len(dtb) > self.dtb_size:
            raise ValueError(f"the device tree has {len(dtb)} bytes, {self.dtb_size} were planned")
        initrd = (self.initrd,) if self.initrd else ()
        return (*self.image, *initrd, Piece(self.dtb, dtb, self.dtb_size, "the device tree"))


def plan(
    tree: Tree, image: BootImage, dtb_size: int, initrd: bytes | None = None, load: PhysAddr | None = None
) -> Layout:
    """Where everything goes on the board `tree`; `load` is where the image's first byte is to be.

    BadInput for a board without memory, for what does not fit and for what would lie
    outside memory or over a reserved region.
    """
    site = Site.of(tree, image.name)
    if dtb_size > LARGEST_DTB:
        raise BadInput(
            f"the device tree takes {human_size(dtb_size)}, Linux reads at most {human_size(LARGEST_DTB)}: "
            "make the board or the command line smaller",
            tree.root.where,
        )
    match image:
        case LinuxImage():
            return _linux(site, image, dtb_size, initrd, load)
        case ElfImage():
            if load is not None:
                raise BadInput(
                    f"{image.name}: an ELF file says itself where it goes: leave the load address out"
                )
            segments = image.program.segments
            pieces = [
                Piece(segment.address, segment.data, segment.size, f"segment {number}")
                for number, segment in enumerate(segments)
            ]
            return _firmware(site.put_firmware(*pieces), tuple(pieces), image.program.entry, dtb_size, initrd)
        case FlatImage():
            address = load if load is not None else _flat_place(site, len(image.data))
            piece = Piece(address, image.data, len(image.data), "the flat binary")
            return _firmware(site.put_firmware(piece), (piece,), address, dtb_size, initrd)


# --- Linux ------------------------------------------------------------------


def _linux(
    site: Site, image: LinuxImage, dtb_size: int, initrd: bytes | None, load: PhysAddr | None
) -> Layout:
    """The kernel at the first place that leaves the rest room where Linux wants it."""
    problem: NoRoom | None = None
    for address in _kernel_places(site, image, load):
        kernel = Piece(address, image.data, image.header.image_size, "the kernel")
        try:
            return _around(site.put(kernel), kernel, image.header, dtb_size, initrd)
        except NoRoom as error:
            problem = problem or error
    raise problem or site.no_room("the kernel", _kernel_need(image.header))


def _kernel_need(header: LinuxHeader) -> Need:
    return Need(header.image_size, BLOCK, offset=header.text_offset)


def _kernel_places(site: Site, image: LinuxImage, load: PhysAddr | None) -> Iterator[PhysAddr]:
    """One place for each bank, the best first; `load` alone if that is given. BadInput for a crooked one."""
    need = _kernel_need(image.header)
    if load is not None:
        if (load - need.offset) % BLOCK or load < need.offset:
            near = align_up(load, BLOCK) + need.offset
            raise BadInput(
                f"{image.name}: a Linux kernel cannot be loaded to {load:#x}: this one goes to a multiple of "
                f"{human_size(BLOCK)}, plus {need.offset:#x}, such as {near:#x}"
            )
        yield load
        return
    for bank in site.banks:
        behind = Span(bank.base + BLOCK, bank.end)
        place = site.room.lowest(need, [behind, bank] if image.header.anywhere else [bank])
        if place is not None:
            yield place


def _around(site: Site, kernel: Piece, header: LinuxHeader, dtb_size: int, initrd: bytes | None) -> Layout:
    """The initrd and the device tree for a kernel that has its place. NoRoom."""
    start, end = kernel.address - header.text_offset, kernel.span.end
    windows = site.behind(site.bank(kernel.address))
    packed = None
    if initrd is not None:
        lowest = align_up(max(end - WINDOW, 0), WINDOW_ALIGNMENT) if header.anywhere else start
        reach = Span(lowest, align_down(kernel.address, WINDOW_ALIGNMENT) + WINDOW)
        need = Need(len(initrd), LARGEST_PAGE)
        packed = Piece(
            site.find("the initrd", need, _clip(windows, reach)), initrd, len(initrd), "the initrd"
        )
        site = site.put(packed)
    if not header.anywhere:
        windows = _clip(windows, Span(start, start + OLD_DTB_REACH))
    dtb = site.find("the device tree", _dtb_need(dtb_size), windows, avoid=site.unmapped)
    return Layout(kernel.address, (kernel,), packed, dtb, dtb_size)


def _clip(windows: list[Span], reach: Span) -> list[Span]:
    return [Span(max(window.base, reach.base), min(window.end, reach.end)) for window in windows]


def _dtb_need(size: int) -> Need:
    return Need(size, LARGEST_PAGE, block=BLOCK)


# --- firmware ---------------------------------------------------------------


def _flat_place(site: Site, size: int) -> PhysAddr:
    """The first boot ROM if `size` bytes fit, else the start of DRAM."""
    memory = next((rom for rom in site.roms[:1] if size <= rom.size), site.banks[0])
    return PhysAddr(memory.base)


def _firmware(
    site: Site, image: tuple[Piece, ...], entry: PhysAddr, dtb_size: int, initrd: bytes | None
) -> Layout:
    """The device tree and the initrd for an image that has its place."""
    bank = site.banks[0]
    end = max((piece.span.end for piece in image if bank.holds(piece.span)), default=bank.base)
    behind = Span(align_up(end + FIRMWARE_GAP, BLOCK), bank.end)
    windows = [Span(bank.base, bank.base + dtb_size), behind, *site.banks]
    dtb = site.find("the device tree", _dtb_need(dtb_size), windows, avoid=site.unmapped)
    if initrd is None:
        return Layout(entry, image, None, dtb, dtb_size)
    left = site.put(Piece(dtb, b"", dtb_size, "the device tree"))
    place = left.find("the initrd", Need(len(initrd), LARGEST_PAGE), left.behind(bank))
    return Layout(entry, image, Piece(place, initrd, len(initrd), "the initrd"), dtb, dtb_size)
