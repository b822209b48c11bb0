"""Who copied: by function where the program has names, as a whole where it has none."""

from __future__ import annotations

from dataclasses import replace

from soc.cpu.image import Image, load_image
from soc.cpu.symbols import SymbolTable
from soc.cpu.watch import Touch
from soc.scenario.culprits import copies, places
from tests.scenario.writing import ROOT

IMAGE = load_image(ROOT / "firmware" / "camera_to_display.elf")
START = IMAGE.symbols.address("copy_frame")
READ = Touch("fb", START, True, "read", 2, 16, 0xB0000000, 0xB000000F, 0)
WRITE = replace(READ, pc=START + 4, access="write", first=0xB0004000, last=0xB000400F)


def stripped() -> Image:
    return replace(IMAGE, symbols=SymbolTable([]))


def test_a_program_without_symbols_that_copies_is_caught() -> None:
    [copy] = copies([READ, WRITE], stripped(), [])
    assert (copy.by, copy.bytes, copy.pc) == (f"cpu at {START + 4:#x} ({START + 4:#x})", 16, START + 4)


def test_loads_and_stores_in_different_functions_are_a_copy_too() -> None:
    elsewhere = replace(WRITE, pc=IMAGE.symbols.address("main"))
    [copy] = copies([READ, elsewhere], IMAGE, [])
    assert copy.by.startswith("cpu at main (")


def test_one_that_only_reads_or_only_writes_is_none() -> None:
    for touch in (READ, WRITE):
        assert copies([touch], IMAGE, []) == copies([touch], stripped(), []) == []


def test_the_places_are_named_most_bytes_first() -> None:
    more = replace(WRITE, bytes=4096)
    assert places([READ, more], IMAGE) == ["copy_frame+0x4 wrote 4,096 bytes", "copy_frame read 16 bytes"]
    assert places([], IMAGE) == []
