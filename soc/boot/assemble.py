"""A machine with an image on it, as a boot loader leaves it to the image.

For Linux the console UART is left running, which an early console relies on;
other images find the machine as after power-on. Source:
Documentation/arch/arm64/booting.rst, Documentation/devicetree/usage-model.rst,
the /chosen node of the Devicetree Specification 0.4, section 3.6.

Not modelled: EFI, the second stage of any particular firmware.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass

import numpy as np

from devices.catalogue import models
from devices.pl011.hardware import Pl011
from devices.pl011.regs import FEN, RXE, TABLE, TXE, UARTEN
from devices.pl031.hardware import Pl031
from soc.board import Machine
from soc.boot.console import console_node
from soc.boot.granules import ID_AA64MMFR0_EL1, check_pages
from soc.boot.images import BootImage, LinuxImage, read_image, read_initrd
from soc.boot.layout import Layout, plan
from soc.boot.request import Request
from soc.boot.site import Piece
from soc.boot.symbols import read_symbols
from soc.cpu.image import Image
from soc.cpu.symbols import SymbolTable
from soc.devicetree.fdt import ChosenValue, flatten
from soc.devicetree.tree import Node, Tree, load_board
from soc.errors import BadInput
from soc.frames import FrameRecorder
from soc.guest import Guest
from soc.rom import Rom

RNG_SEED_BYTES = 64
BAUD_DIVISOR = 13, 1
"""115200 baud from 24 MHz: integer and 64ths."""
EIGHT_BITS = 3 << 5


@dataclass(frozen=True)
class Plan:
    """Everything that was read and decided; a machine can be built of it again and again."""

    request: Request
    tree: Tree
    console: Node
    image: BootImage
    layout: Layout
    dtb: bytes
    symbols: SymbolTable


@dataclass(frozen=True)
class Booted:
    """A machine about to run its first instruction."""

    machine: Machine
    guest: Guest
    uart: Pl011


def prepare(request: Request) -> Plan:
    """Read the files and decide where everything goes. BadInput."""
    tree = load_board(request.board)
    console = console_node(tree)
    image = read_image(request.image)
    initrd = read_initrd(request.initrd) if request.initrd else None
    initrd_size = len(initrd) if initrd else 0
    size = len(flatten(tree, _chosen(request, 0, initrd_size)))
    layout = plan(tree, image, size, initrd, request.load)
    start = layout.initrd.address if layout.initrd else 0
    dtb = flatten(tree, _chosen(request, start, initrd_size))
    symbols = read_symbols(request.symbols) if request.symbols else image.symbols
    return Plan(request, tree, console, image, layout, dtb, symbols)


def assemble(plan: Plan) -> Booted:
    """Build the machine and put everything in its place. BadInput for a board that cannot be built."""
    machine = Machine(plan.tree, models())
    _keep_no_frames(machine)
    try:
        return _start(machine, plan)
    except BaseException:
        machine.close()
        raise


def _start(machine: Machine, plan: Plan) -> Booted:
    uart = machine.models[plan.console.path]
    assert isinstance(uart, Pl011)
    for piece in plan.layout.pieces(plan.dtb):
        _write(machine, piece)
    program = Image(plan.image.name, (), plan.layout.entry, plan.symbols)
    guest = Guest(machine, program, (plan.layout.dtb, 0, 0, 0), plan.request.start)
    if isinstance(plan.image, LinuxImage):
        check_pages(plan.image, guest.cpu.read_system(ID_AA64MMFR0_EL1))
        _start_console(machine, plan.console)
    if plan.request.start.host_time:
        _set_clocks(machine)
    return Booted(machine, guest, uart)


def _chosen(request: Request, start: int, size: int) -> dict[str, ChosenValue]:
    chosen: dict[str, ChosenValue] = {"rng-seed": _random("rng-seed", request.seed, RNG_SEED_BYTES)}
    if request.append is not None:
        chosen["bootargs"] = os.fsencode(request.append) + b"\0"
    if size:
        chosen["linux,initrd-start"] = start
        chosen["linux,initrd-end"] = start + size
    if request.kaslr:
        chosen["kaslr-seed"] = int.from_bytes(_random("kaslr-seed", request.seed, 8), "little")
    return chosen


def _random(purpose: str, seed: int, size: int) -> bytes:
    """`size` bytes that look random and are the same for the same `purpose` and `seed`."""
    return hashlib.shake_128(f"{purpose} {seed}".encode()).digest(size)


def _write(machine: Machine, piece: Piece) -> None:
    """`piece` lies wholly in DRAM or in one window of a ROM."""
    data = np.frombuffer(piece.data, dtype=np.uint8)
    if machine.dram.bank(piece.address, piece.size) is not None:
        view = machine.dram.view(piece.address, piece.size)
    else:
        window = machine.bus.window(piece.address, piece.size)
        if window is None or not isinstance(window.target, Rom):
            raise BadInput(f"{piece.name} at {piece.address:#x} lies neither in DRAM nor in a ROM")
        offset = piece.address - window.base
        view = window.target.data[offset : offset + piece.size]
    view[: len(data)] = data
    view[len(data) :] = 0


def _start_console(machine: Machine, console: Node) -> None:
    """What firmware has done to the UART by the time it starts Linux: 115200 8N1, on."""
    firmware = machine.bus.master("firmware")
    base = console.reg[0].address
    integer, fraction = BAUD_DIVISOR
    for name, value in (
        ("UARTIBRD", integer),
        ("UARTFBRD", fraction),
        ("UARTLCR_H", EIGHT_BITS | FEN),
        ("UARTCR", UARTEN | TXE | RXE),
    ):
        firmware.write(base + TABLE.offset(name), 4, value)  # type: ignore[arg-type]


def _keep_no_frames(machine: Machine) -> None:
    """A guest runs for as long as it likes: its pictures pass, and nobody counts them afterwards."""
    for model in machine.models.values():
        frames = getattr(model, "frames", None)
        if isinstance(frames, FrameRecorder):
            frames.keeping = False


def _set_clocks(machine: Machine) -> None:
    """A machine on host time has the host's date."""
    for model in machine.models.values():
        if isinstance(model, Pl031):
            model.set_epoch(int(time.time()))
