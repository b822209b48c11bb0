"""The import contract knows every module; import-linter itself cannot tell for several root packages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENTRY = {"soc.__main__"}


def modules() -> set[str]:
    """What lies directly in `soc`, and the other root packages."""
    found = {f"soc.{path.stem}" for path in (ROOT / "soc").glob("*.py") if path.stem != "__init__"}
    found |= {f"soc.{path.parent.name}" for path in (ROOT / "soc").glob("*/__init__.py")}
    return found | {"devices", "heaps"}


def test_every_module_has_its_layer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [contract] = [c for c in project["tool"]["importlinter"]["contracts"] if c["id"] == "layers"]
    layered = [name for layer in contract["layers"] for name in re.findall(r"[\w.]+", layer)]
    assert sorted(layered) == sorted(modules() - ENTRY)
