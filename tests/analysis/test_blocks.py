"""Who accesses memory, against what the manual says of each instruction."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from soc.analysis import MemoryAccess, memory_accesses

SOURCE = Path(__file__).parent / "accesses.S"
START = 0x4000_0000
LINE = re.compile(r"^\s+(\S.*?)\s*// (.*)$", re.MULTILINE)


def expected() -> list[tuple[str, list[tuple[str, int]]]]:
    """(instruction, its accesses) as the source's comments say."""
    rows = []
    for instruction, comment in LINE.findall(SOURCE.read_text(encoding="utf-8")):
        accesses = [] if comment == "-" else [part.split() for part in comment.split(", ")]
        rows.append((instruction, [(access, int(size)) for access, size in accesses]))
    return rows


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    output = tmp_path_factory.mktemp("accesses") / "accesses.o"
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-freestanding-none"]
    command += ["-mcpu=generic+v8_5a", "-c", str(SOURCE), "-o", str(output)]
    subprocess.run(command, check=True, capture_output=True)
    section = ELFFile(io.BytesIO(output.read_bytes())).get_section_by_name(".text")
    return bytes(section.data())


def test_each_instruction_alone(code: bytes) -> None:
    rows = expected()
    assert len(code) == 4 * len(rows) == 4 * 53
    for index, (instruction, accesses) in enumerate(rows):
        found = memory_accesses(code[4 * index : 4 * index + 4], START)
        assert found == [MemoryAccess(START, access, size) for access, size in accesses], instruction


def test_all_of_them_in_one_piece(code: bytes) -> None:
    wanted = [
        MemoryAccess(START + 4 * index, access, size)  # type: ignore[arg-type]
        for index, (_, accesses) in enumerate(expected())
        for access, size in accesses
    ]
    assert memory_accesses(code, START) == wanted


def test_code_without_memory_has_none() -> None:
    assert memory_accesses(b"", START) == []
    assert memory_accesses(bytes.fromhex("1f2003d5") * 5, START) == []


def test_code_that_is_not_whole_instructions() -> None:
    with pytest.raises(ValueError) as caught:
        memory_accesses(b"\0" * 6, START)
    assert str(caught.value) == "code must be whole instructions of 4 bytes, not 6 bytes"


@given(st.lists(st.integers(0, (1 << 32) - 1), min_size=1, max_size=8))
def test_any_words_are_reported_at_their_own_addresses(words: list[int]) -> None:
    code = b"".join(word.to_bytes(4, "little") for word in words)
    found = memory_accesses(code, START)
    assert found == sorted(found)
    for access in found:
        assert access.pc in range(START, START + len(code), 4)
        assert (access.size == 0) is (access.access == "undecoded")
