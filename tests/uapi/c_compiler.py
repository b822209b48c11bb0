"""C11 static assertions of what our modules say, and the compiler that judges them."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from soc.kernel.uapi.layout import fields, type_name

C_NAMES = {"udmabuf_create_item.pad": "__pad", "ion_test_rw_data.padding": "__padding"}
"""Fields with names that Python would mangle in a class."""


def structures(module: ModuleType) -> list[type[ctypes.Structure]]:
    """The structures that the module itself defines."""
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    return [cls for cls in classes if issubclass(cls, ctypes.Structure) and cls.__module__ == module.__name__]


def constants(module: ModuleType) -> dict[str, int | str]:
    """The numbers and magics of the module, by their C names."""
    return {
        name: value
        for name, value in vars(module).items()
        if re.fullmatch(r"[A-Z][A-Z0-9_]*", name) and isinstance(value, int | str)
    }


def assertion(condition: str, name: str) -> str:
    return f'_Static_assert({condition}, "{name}");'


def constant_assertion(name: str, value: int | str) -> str:
    literal = repr(value) if isinstance(value, str) else f"{value:#x}"
    return assertion(f"{name} == {literal}", name)


def structure_assertions(structure: type[ctypes.Structure]) -> Iterable[str]:
    """Size of the structure; offset, size and sign of every field."""
    c_type = type_name(structure)
    name = c_type.removeprefix("struct ")
    yield assertion(f"sizeof({c_type}) == {ctypes.sizeof(structure)}", f"sizeof {name}")
    for field in fields(structure):
        place = f"{name}.{field.name}"
        c_name = C_NAMES.get(place, field.name)
        member = f"(({c_type} *)0)->{c_name}"
        yield assertion(f"offsetof({c_type}, {c_name}) == {field.offset}", f"{place} offset")
        if field.size:  # an array without a length has no sizeof in C
            yield assertion(f"sizeof({member}) == {field.size}", f"{place} size")
        if field.type in ("u32", "s32", "u64"):
            signed = int(field.type == "s32")
            yield assertion(f"((__typeof__({member}))-1 < 0) == {signed}", f"{place} sign")


def assertions(*modules: ModuleType) -> str:
    """All that the modules say, a line each; the quoted text names what is wrong if one fails."""
    lines = []
    for module in modules:
        lines += [line for structure in structures(module) for line in structure_assertions(structure)]
        lines += [constant_assertion(name, value) for name, value in constants(module).items()]
    return "\n".join(lines) + "\n"


def failed_assertions(source: str, target: str, directory: Path) -> list[str]:
    """Compile for `target` and return the quoted texts of what failed, sorted; [] if the compiler agrees.

    AssertionError if it stumbles over anything but an assertion.
    """
    path = directory / f"{target}.c"
    path.write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-std=c11", "-Wall", "-Werror"]
    command += ["-ferror-limit=0", "-c", str(path), "-o", str(path.with_suffix(".o"))]
    environment = {
        **os.environ,
        "ZIG_GLOBAL_CACHE_DIR": str(directory),
        "ZIG_LOCAL_CACHE_DIR": str(directory),
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    failed = re.findall(r"static assertion failed[^\n]*?: ([^\n\"]+)", done.stderr)
    assert done.stderr.count("error: ") == len(failed), done.stderr
    assert (done.returncode == 0) == (not failed), done.stderr
    return sorted(failed)
