"""Software on the rehearsal board that has its DMA-330 copy, with cache maintenance and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from devices.catalogue import models
from devices.pl330.assembler import go
from devices.pl330.driver.program import memcpy_program
from devices.pl330.isa import encode
from soc.address import PhysAddr
from soc.board import Machine
from soc.cpu import Image, parse_elf
from soc.devicetree.tree import load_board
from soc.guest import Guest
from soc.memory.cache.incoherence import Incoherence, Kind
from tests.cpu.guest import HERE, build

BOARD = Path(__file__).parents[2] / "configs/boards/rehearsal.yaml"
DRAM = 0x8000_0000
TABLE, PROGRAM = PhysAddr(DRAM + 0x8_0000), PhysAddr(DRAM + 0x10_0000)
SOURCE, DESTINATION = PhysAddr(DRAM + 0x100_0000), PhysAddr(DRAM + 0x101_0000)
PL330 = 0x30BD_0000
BEFORE, STORED, THERE = 0x11, 0x2222, 0x33
CLEAN, INVALIDATE, ZERO = 1, 2, 4
DEVICE_NAME = "dma-controller@30bd0000"

BLOCK, NORMAL, INNER_SHAREABLE, ACCESSED = 1, 1 << 2, 3 << 8, 1 << 10


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    output = tmp_path_factory.mktemp("guest") / "dma_copy.elf"
    elf = build([HERE / "dma_copy.S"], output, script="dma_copy.ld")
    return parse_elf(elf, "dma_copy.elf")


def copy(
    image: Image, tmp_path: Path, maintenance: int, coherent: bool = False
) -> tuple[int, list[Incoherence]]:
    """What the core loaded from the destination, and the incidents. The DMA-330 is not behind the SMMU."""
    text = BOARD.read_text(encoding="utf-8").replace("    iommus: [[*smmu, 0x12]]\n", "")
    if coherent:
        text = text.replace("soc:\n", "soc:\n  dma-coherent: true\n")
    board = tmp_path / "board.yaml"
    board.write_text(text, encoding="utf-8")
    machine = Machine(load_board(board), models())
    blocks = [0 | ACCESSED, 1 << 30 | ACCESSED, DRAM | ACCESSED | NORMAL | INNER_SHAREABLE]
    machine.dram.words(TABLE, 3)[:] = [block | BLOCK for block in blocks]
    machine.dram.words(SOURCE, 1)[:] = BEFORE
    machine.dram.words(DESTINATION, 1)[:] = THERE
    program = np.frombuffer(memcpy_program(DESTINATION, SOURCE, 64, 8, 128, 0, True), dtype=np.uint8)
    machine.dram.view(PROGRAM, len(program))[:] = program
    start = encode(go(0, PROGRAM, True))
    instruction = (int.from_bytes(start[:2], "little") << 16, int.from_bytes(start[2:], "little"))
    guest = Guest(machine, image, (SOURCE, DESTINATION, STORED, PL330, TABLE, maintenance, *instruction))
    machine.run(1_000_000, lambda: False)
    loaded = guest.cpu.x(11)
    incidents = machine.cache.incidents if machine.cache else []
    machine.close()
    return loaded, incidents


@pytest.mark.parametrize(
    ("maintenance", "loaded", "kinds"),
    [
        (CLEAN | INVALIDATE, STORED, []),
        (CLEAN, THERE, [Kind.STALE_CPU_READ]),
        (INVALIDATE, BEFORE, [Kind.STALE_DEVICE_READ]),
        (ZERO | INVALIDATE, BEFORE, [Kind.STALE_DEVICE_READ]),
        (ZERO | CLEAN | INVALIDATE, 0, []),
        (0, THERE, [Kind.STALE_DEVICE_READ, Kind.STALE_CPU_READ]),
    ],
)
def test_a_copy_is_as_good_as_its_maintenance(
    image: Image, tmp_path: Path, maintenance: int, loaded: int, kinds: list[Kind]
) -> None:
    found, incidents = copy(image, tmp_path, maintenance)
    assert (found, [incident.kind for incident in incidents]) == (loaded, kinds)


def test_an_incident_names_both_parties(image: Image, tmp_path: Path) -> None:
    _, [read, load] = copy(image, tmp_path, 0)
    assert (read.line, read.cpu.name, read.device.name) == (SOURCE, "cpu", DEVICE_NAME)
    assert (read.cpu_view[:2], read.dram_view[:2]) == (b"\x22\x22", b"\x11\x00")
    pc = image.symbols.address("load")
    assert (load.line, load.cpu.name, load.device.name) == (DESTINATION, f"cpu at {pc:#x}", DEVICE_NAME)
    assert (load.cpu_view[:2], load.dram_view[:2]) == (b"\x33\x00", b"\x11\x00")


def test_a_coherent_device_needs_none(image: Image, tmp_path: Path) -> None:
    assert copy(image, tmp_path, 0, coherent=True) == (STORED, [])
