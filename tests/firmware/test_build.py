"""The firmware in the repository is what its sources give, and keeps to its part of the board."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from firmware.build import ELF, FIRMWARE, HEADERS, TABLES, BuildError, compile_elf, main, sources, stale
from soc.devicetree.tree import Node, Tree, load_board
from soc.regdoc import c_header, macro_name
from soc.registers import RegisterTable

REGION = range(0x8000_0000, 0x8020_0000)
EXECUTE, WRITE = 1, 2
BOARD = FIRMWARE.parent / "configs" / "boards" / "rehearsal.yaml"
DEFINE = re.compile(r"^#define (\w+) (?:SPI\()?(0x[0-9a-f]+|\d+)(?:UL)?\)?$", re.MULTILINE)


@pytest.fixture(scope="module")
def elf() -> Iterator[ELFFile]:
    with ELF.open("rb") as stream:
        yield ELFFile(stream)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources in another folder, without what is built from them, except the headers."""
    target = tmp_path / "elsewhere"
    shutil.copytree(FIRMWARE, target, ignore=shutil.ignore_patterns("*.elf", "__pycache__"))
    return target


def segments(elf: ELFFile) -> list[tuple[int, int, int]]:
    """(address, bytes in memory, flags) of every segment that is loaded."""
    loaded = [segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]
    return [(segment["p_paddr"], segment["p_memsz"], segment["p_flags"]) for segment in loaded]


def symbols(elf: ELFFile) -> dict[str, int]:
    table = elf.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def test_repository_holds_what_a_build_gives(tmp_path: Path) -> None:
    """Built in another folder, so the folder leaves no trace either."""
    assert stale(tmp_path) == []


def test_changed_source_gives_other_bytes(copy: Path, tmp_path: Path) -> None:
    main_c = copy / "src" / "main.c"
    main_c.write_text(main_c.read_text(encoding="utf-8").replace("done", "over"), encoding="utf-8")
    compile_elf(tmp_path / "rebuilt.elf", copy)
    assert (tmp_path / "rebuilt.elf").read_bytes() != ELF.read_bytes()


def test_stale_header_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that changed after the headers were written."""
    kept = tmp_path / "regs"
    shutil.copytree(HEADERS, kept)
    (kept / "lcdif.h").write_text("/* old */\n", encoding="utf-8")
    (kept / "gone.h").write_text("/* of a table that is no more */\n", encoding="utf-8")
    monkeypatch.setattr("firmware.build.HEADERS", kept)
    build = tmp_path / "build"
    build.mkdir()
    assert stale(build) == [kept / "gone.h", kept / "lcdif.h"]


def test_check_command_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr() == ("", "")


def test_error_names_file_and_line(copy: Path, tmp_path: Path) -> None:
    (copy / "src" / "copy.c").write_text("int copy_frame(void)\n{\n    return bytes;\n}\n", encoding="utf-8")
    with pytest.raises(BuildError, match=r"^src/copy\.c:3:12: error: use of undeclared identifier 'bytes'"):
        compile_elf(tmp_path / "rebuilt.elf", copy)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_header_is_the_table(table: RegisterTable) -> None:
    header = HEADERS / f"{macro_name(table.name).lower()}.h"
    assert header.read_text(encoding="utf-8") == c_header(table)


def test_elf_is_small() -> None:
    assert ELF.stat().st_size < 100 * 1024


def test_entry_is_the_start_of_the_region(elf: ELFFile) -> None:
    assert elf["e_machine"] == "EM_AARCH64"
    assert elf["e_entry"] == REGION.start == symbols(elf)["_start"]


def test_everything_lies_in_the_region(elf: ELFFile) -> None:
    """Code, tables, queues and stack: the end of the last segment is the top of the stack."""
    for address, size, _ in segments(elf):
        assert address in REGION
        assert address + size - 1 in REGION
    assert symbols(elf)["__stack_top"] == max(address + size for address, size, _ in segments(elf))


def test_no_segment_is_both_writable_and_executable(elf: ELFFile) -> None:
    assert [flags & (EXECUTE | WRITE) for _, _, flags in segments(elf)] == [EXECUTE, 0, WRITE]


def test_functions_that_reports_name_have_symbols(elf: ELFFile) -> None:
    names = symbols(elf)
    assert {"copy_frame", "irq_entry", "main", "pipeline_camera_irq", "smmu_event_irq"} <= names.keys()


def test_no_debug_information_and_no_build_id(elf: ELFFile) -> None:
    names = [section.name for section in elf.iter_sections()]
    assert names == ["", ".text", ".rodata", ".data", ".bss", ".symtab", ".shstrtab", ".strtab"]


def test_no_path_of_the_build_is_inside() -> None:
    data = ELF.read_bytes()
    assert str(FIRMWARE).encode() not in data
    assert b"src/" not in data


def test_no_simd_instruction(elf: ELFFile) -> None:
    """Interrupts do not save SIMD registers. Encodings: ARM DDI 0487, C4.1."""
    text = elf.get_section_by_name(".text")
    assert text is not None
    words = memoryview(text.data()).cast("I")
    simd = [text["sh_addr"] + 4 * index for index, word in enumerate(words) if is_simd(word)]
    assert simd == []


def is_simd(word: int) -> bool:
    """Whether the instruction works on SIMD and floating-point registers."""
    data_processing = word >> 25 & 0b111 == 0b111
    load_or_store = word >> 25 & 0b101 == 0b100 and bool(word >> 26 & 1)
    return data_processing or load_or_store


@pytest.mark.parametrize(
    ("word", "simd"),
    [
        (0x4E080D20, True),  # dup v0.2d, x9
        (0x3DC0D141, True),  # ldr q1, [x10, #832]
        (0xAD3FC933, True),  # stp q19, q18, [x9, #-16]
        (0x1E604000, True),  # fmov d0, d0
        (0xF9400000, False),  # ldr x0, [x0]
        (0xA9BF7BFD, False),  # stp x29, x30, [sp, #-16]!
        (0x9AC10C00, False),  # sdiv x0, x0, x1
        (0xD65F03C0, False),  # ret
    ],
)
def test_simd_is_told_from_the_rest(word: int, simd: bool) -> None:
    assert is_simd(word) is simd


def test_every_source_is_built() -> None:
    assert sources() == sorted(
        path.relative_to(FIRMWARE).as_posix() for path in FIRMWARE.rglob("*") if path.suffix in (".c", ".S")
    )


# --- board.h against the board ----------------------------------------------


@pytest.fixture(scope="module")
def constants() -> dict[str, int]:
    """The numbers of board.h; interrupts as the device tree counts them."""
    text = (FIRMWARE / "include" / "board.h").read_text(encoding="utf-8")
    return {name: int(value, 0) for name, value in DEFINE.findall(text)}


@pytest.fixture(scope="module")
def board() -> Tree:
    return load_board(BOARD)


def find(board: Tree, label: str) -> Node:
    node = board.find(label)
    assert node is not None
    return node


@pytest.mark.parametrize(
    ("constant", "label", "index"),
    [
        ("FIRMWARE_BASE", "fw_region", 0),
        ("CARVEOUT_BASE", "fb_pool", 0),
        ("SMMU_BASE", "smmu", 0),
        ("UART_BASE", "uart", 0),
        ("LCDIF_BASE", "lcdif", 0),
        ("CAMERA_BASE", "camera", 0),
        ("GICD_BASE", "gic", 0),
        ("GICC_BASE", "gic", 1),
    ],
)
def test_addresses_are_the_boards(
    constants: dict[str, int], board: Tree, constant: str, label: str, index: int
) -> None:
    assert constants[constant] == find(board, label).reg[index].address


@pytest.mark.parametrize(
    ("constant", "label"), [("FIRMWARE_SIZE", "fw_region"), ("CARVEOUT_SIZE", "fb_pool")]
)
def test_sizes_are_the_boards(constants: dict[str, int], board: Tree, constant: str, label: str) -> None:
    assert constants[constant] == find(board, label).reg[0].size


@pytest.mark.parametrize(
    ("constant", "label", "index"),
    [
        ("IRQ_LCDIF", "lcdif", 0),
        ("IRQ_CAMERA", "camera", 0),
        ("IRQ_SMMU_EVENT", "smmu", 0),
        ("IRQ_SMMU_GERROR", "smmu", 1),
    ],
)
def test_interrupts_are_the_boards(
    constants: dict[str, int], board: Tree, constant: str, label: str, index: int
) -> None:
    assert (0, constants[constant]) == find(board, label).interrupts[index].specifier[:2]


@pytest.mark.parametrize(("constant", "label"), [("STREAM_LCDIF", "lcdif"), ("STREAM_CAMERA", "camera")])
def test_streams_are_the_boards(constants: dict[str, int], board: Tree, constant: str, label: str) -> None:
    (entry,) = find(board, label).phandles("iommus", "#iommu-cells")
    assert (constants[constant],) == entry.args
