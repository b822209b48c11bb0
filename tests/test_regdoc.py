"""The C header and the page made of a register table; the header's oracle is a C compiler."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import devices
from soc.regdoc import c_header, markdown, write_headers
from soc.registers import Field, Register, RegisterTable

TABLE = RegisterTable(
    "tiny-ip",
    0x100,
    "a datasheet */ of\nnobody",
    [
        Register(0x00, "CTRL", "rw", "Control", (Field("RUN", 0, doc="go"), Field("MODE", 4, 3, "a | b"))),
        Register(0x10, "CH", "ro", "Channels", reset=0x55, count=4),
        Register(0x40, "BASE", "rw", "Base", (Field("ADDR", 12, 40),), size=8),
        Register(0x48, "TEST", "wo", "Test", modelled=False),
    ],
)

HEADER = """\
/* Generated from the register table "tiny-ip"; do not edit.
 * Source: a datasheet * / of nobody
 */
#ifndef TINY_IP_REGS_H
#define TINY_IP_REGS_H

#define TINY_IP_SPAN            0x100 /* bytes of address space */
#define TINY_IP_CTRL            0x000 /* rw: Control */
#define TINY_IP_CTRL_RUN_SHIFT  0 /* go */
#define TINY_IP_CTRL_RUN_MASK   0x00000001
#define TINY_IP_CTRL_MODE_SHIFT 4 /* a | b */
#define TINY_IP_CTRL_MODE_MASK  0x00000070
#define TINY_IP_CH(n)           (0x010 + 4 * (n)) /* ro: Channels */
#define TINY_IP_CH_COUNT        4
#define TINY_IP_BASE            0x040 /* rw: Base */
#define TINY_IP_BASE_ADDR_SHIFT 12
#define TINY_IP_BASE_ADDR_MASK  0x000ffffffffff000
#define TINY_IP_TEST            0x048 /* wo: Test */

#endif /* TINY_IP_REGS_H */
"""

PAGE = """\
# tiny-ip registers

Source: a datasheet */ of nobody. The block spans 0x100 bytes.

| Offset | Register | Access | Reset | Description |
|---|---|---|---|---|
| `0x000` | CTRL | rw | `0x0` | Control |
| `0x010` .. `0x01c` | CH[4] | ro | `0x55` | Channels |
| `0x040` | BASE | rw | `0x0` | Base |
| `0x048` | TEST | wo | `0x0` | Test (not modelled) |

## CTRL

Control (read and write).

| Bits | Field | Description |
|---|---|---|
| 6:4 | MODE | a \\| b |
| 0 | RUN | go |

## BASE

Base (read and write).

| Bits | Field | Description |
|---|---|---|
| 51:12 | ADDR |  |
"""


def all_tables() -> list[RegisterTable]:
    """Every register table of every device folder."""
    tables = []
    for module in pkgutil.iter_modules(devices.__path__):
        name = f"devices.{module.name}.regs"
        if module.ispkg and importlib.util.find_spec(name):
            members = vars(importlib.import_module(name)).values()
            tables += [member for member in members if isinstance(member, RegisterTable)]
    return tables


def test_the_header_is_exactly_this() -> None:
    assert c_header(TABLE) == HEADER


def test_the_page_is_exactly_this() -> None:
    assert markdown(TABLE) == PAGE


def test_two_macros_of_one_name_are_refused() -> None:
    clash = RegisterTable("ip", 0x10, "", [Register(0, "A-B", "rw", ""), Register(4, "A_B", "rw", "")])
    with pytest.raises(ValueError, match=r"^ip: two macros would be named IP_A_B$"):
        c_header(clash)


def test_headers_are_written_by_table_name(tmp_path: Path) -> None:
    folder = tmp_path / "include" / "regs"
    assert write_headers([TABLE], folder) == [folder / "tiny_ip.h"]
    assert (folder / "tiny_ip.h").read_text(encoding="utf-8") == HEADER
    write_headers([TABLE], folder)
    assert (folder / "tiny_ip.h").read_text(encoding="utf-8") == HEADER


def test_nothing_is_written_when_two_tables_share_a_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^two register tables are named tiny-ip$"):
        write_headers([TABLE, TABLE], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_table_of_the_project_makes_a_header_and_a_page() -> None:
    tables = {table.name: table for table in all_tables()}
    assert {"pl011", "gicd", "gicc"} <= set(tables)
    defined = [
        line.split()[1:3] for line in c_header(tables["pl011"]).splitlines() if "#define PL011_UART" in line
    ]
    assert defined[0] == ["PL011_UARTDR", "0x000"]
    assert ["PL011_UARTFR_TXFF_MASK", "0x00000020"] in defined
    for table in tables.values():
        page = markdown(table)
        assert all(register.name in page for register in table.registers)


def compile_with_zig(source: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Compile one file for bare AArch64; its headers lie beside it."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed: no C compiler for AArch64 to check the headers with")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-freestanding-none"]
    command += [
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-c",
        str(source),
        "-o",
        str(source.with_suffix(".o")),
    ]
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def assertions(table: RegisterTable) -> list[str]:
    """C11 static assertions that every macro of the table has the table's number."""
    prefix = table.name.upper().replace("-", "_")
    lines = []
    for register in table.registers:
        name = f"{prefix}_{register.name.upper()}"
        last = table.offset(register.name, register.count - 1)
        place = f"{name}({register.count - 1})" if register.count > 1 else name
        lines.append(f'_Static_assert({place} == {last}, "{name}");')
        for field in register.fields:
            macro = f"{name}_{field.name.upper()}"
            ones = f"((1ull << {field.width}) - 1) << {macro}_SHIFT"
            lines.append(f'_Static_assert({macro}_MASK == ({ones}), "{macro}");')
    return lines


def test_a_compiler_accepts_every_header_and_reads_the_same_numbers(tmp_path: Path) -> None:
    tables = all_tables()
    paths = write_headers(tables, tmp_path)
    lines = [f'#include "{path.name}"' for path in paths for _ in range(2)]
    for table in tables:
        lines += assertions(table)
    source = tmp_path / "numbers.c"
    source.write_text("\n".join([*lines, "int numbers;", ""]), encoding="utf-8")
    done = compile_with_zig(source, tmp_path / "cache")
    assert (done.returncode, done.stderr) == (0, "")


def test_assembly_can_include_the_header(tmp_path: Path) -> None:
    write_headers([TABLE], tmp_path)
    source = tmp_path / "use.S"
    source.write_text(
        '#include "tiny_ip.h"\nmov x0, #TINY_IP_CH(3)\nmov x1, #TINY_IP_CTRL_MODE_MASK\n', "utf-8"
    )
    done = compile_with_zig(source, tmp_path / "cache")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_compiler_would_notice_a_wrong_number(tmp_path: Path) -> None:
    write_headers([TABLE], tmp_path)
    source = tmp_path / "wrong.c"
    source.write_text('#include "tiny_ip.h"\n_Static_assert(TINY_IP_CH(3) == 0x20, "CH");\nint x;\n', "utf-8")
    done = compile_with_zig(source, tmp_path / "cache")
    assert done.returncode != 0
    assert "static assertion failed" in done.stderr
