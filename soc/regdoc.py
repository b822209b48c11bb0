"""What register tables are turned into: a C header for firmware, a page for people.

Both are functions of the table alone, so a rebuild of the same table is the
same text. Header macros carry no C type suffix, for assembly includes them too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from soc.registers import ACCESS, Field, Register, RegisterTable
from soc.system_registers import SystemRegisterTable, system_name


def macro_name(*parts: str) -> str:
    """`parts` joined as one C macro name: upper case, other characters become `_`."""
    return re.sub(r"[^A-Z0-9]+", "_", "_".join(parts).upper())


def c_header(table: RegisterTable) -> str:
    """The table as macros: X, X(n) and X_COUNT for arrays, X_F_SHIFT and X_F_MASK for fields.

    Offsets are bytes from the block's base, or places of system registers.
    ValueError if two macros would have one name.
    """
    guard = macro_name(table.name, "REGS_H")
    rows = [(macro_name(table.name, "SPAN"), f"{table.span:#x}", "bytes of address space")]
    for register in table.registers:
        rows.extend(_register_macros(table, register))
    names: set[str] = {guard}
    for name, _, _ in rows:
        plain = name.partition("(")[0]
        if plain in names:
            raise ValueError(f"{table.name}: two macros would be named {plain}")
        names.add(plain)
    width = max(len(name) for name, _, _ in rows)
    system = isinstance(table, SystemRegisterTable)
    lines = [
        f'/* Generated from the register table "{table.name}"; do not edit.',
        f" * Source: {_comment(table.source)}",
        *([" * A system register is its place in the instructions MRS and MSR."] if system else []),
        " */",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
    ]
    for name, value, doc in rows:
        line = f"#define {name:<{width}} {value}"
        lines.append(f"{line} /* {_comment(doc)} */" if doc else line)
    return "\n".join([*lines, "", f"#endif /* {guard} */", ""])


def markdown(table: RegisterTable) -> str:
    """The table as a documentation page: an overview, then each register's fields."""
    system = isinstance(table, SystemRegisterTable)
    where = "The registers lie in the CPU; an access they do not have is UNDEFINED"
    if not system:
        where = f"The block spans {table.span:#x} bytes"
    lines = [
        f"# {table.name} registers",
        "",
        f"Source: {_cell(table.source)}. {where}.",
        "",
        f"| {'Encoding' if system else 'Offset'} | Register | Access | Reset | Description |",
        "|---|---|---|---|---|",
    ]
    for register in table.registers:
        place = f"`{system_name(register.offset)}`" if system else _offsets(table, register)
        doc = register.doc if register.modelled else f"{register.doc} (not modelled)"
        cells = (place, _title(register), register.access, f"`{register.reset:#x}`", _cell(doc))
        lines.append(f"| {' | '.join(cells)} |")
    for register in table.registers:
        if register.fields:
            access = ACCESS[register.access].partition(",")[0] if system else ACCESS[register.access]
            lines += ["", f"## {_title(register)}", "", f"{register.doc} ({access}).", ""]
            lines += ["| Bits | Field | Description |", "|---|---|---|"]
            fields = sorted(register.fields, key=lambda field: -field.lsb)
            lines += [f"| {_bit_range(field)} | {field.name} | {_cell(field.doc)} |" for field in fields]
    return "\n".join([*lines, ""])


def write_headers(tables: Iterable[RegisterTable], directory: Path) -> list[Path]:
    """Write `<table name>.h` for each table into `directory`, made if missing; the paths written.

    ValueError if two tables have one name; OSError as the file system gives it.
    """
    headers: dict[Path, str] = {}
    for table in tables:
        path = directory / f"{macro_name(table.name).lower()}.h"
        if path in headers:
            raise ValueError(f"two register tables are named {table.name}")
        headers[path] = c_header(table)
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in headers.items():
        path.write_text(text, encoding="utf-8")
    return list(headers)


# --- pieces ------------------------------------------------------------------


def _register_macros(table: RegisterTable, register: Register) -> list[tuple[str, str, str]]:
    """(name, value, comment) of every macro of one register."""
    name = macro_name(table.name, register.name)
    offset = f"{register.offset:#0{_digits(table)}x}"
    doc = f"{register.access}: {register.doc}"
    if register.count > 1:
        rows = [
            (f"{name}(n)", f"({offset} + {register.size} * (n))", doc),
            (f"{name}_COUNT", f"{register.count}", ""),
        ]
    else:
        rows = [(name, offset, doc)]
    for field in register.fields:
        macro = macro_name(name, field.name)
        rows.append((f"{macro}_SHIFT", f"{field.lsb}", field.doc))
        rows.append((f"{macro}_MASK", f"{field.mask:#0{2 + 2 * register.size}x}", ""))
    return rows


def _offsets(table: RegisterTable, register: Register) -> str:
    """Where the register lies in its block; an array from its first to its last element."""
    digits = _digits(table)
    ends = (0, register.count - 1) if register.count > 1 else (0,)
    return " .. ".join(f"`{register.offset + index * register.size:#0{digits}x}`" for index in ends)


def _digits(table: RegisterTable) -> int:
    """Characters of an offset with its 0x, the same for the whole table."""
    return 2 + max(3, len(f"{table.span - 1:x}"))


def _title(register: Register) -> str:
    return f"{register.name}[{register.count}]" if register.count > 1 else register.name


def _bit_range(field: Field) -> str:
    return f"{field.lsb}" if field.width == 1 else f"{field.lsb + field.width - 1}:{field.lsb}"


def _cell(text: str) -> str:
    """`text` on one line of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def _comment(text: str) -> str:
    """`text` on one line inside a C comment."""
    return " ".join(text.split()).replace("*/", "* /").replace("/*", "/ *")
