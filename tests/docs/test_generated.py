"""What is generated from the register tables is up to date: docs/devices and the firmware's headers."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.catalogue import MODELS, tables
from docs.generate import DEVICES, FLOWS_PAGE, flows_page, not_modelled, pages
from soc.regdoc import write_headers
from tests.docs.pages import ROOT

HEADERS = ROOT / "firmware" / "include" / "regs"


def contents(folder: Path, pattern: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob(pattern)}


def test_device_pages_are_what_the_tables_give() -> None:
    assert contents(DEVICES, "*.md") == {path.name: text for path, text in pages().items()}, (
        "run: python -m docs.generate"
    )


def test_the_flows_page_is_what_the_flows_give() -> None:
    assert FLOWS_PAGE.read_text(encoding="utf-8") == flows_page(), "run: python -m docs.generate"


def test_headers_are_what_the_tables_give(tmp_path: Path) -> None:
    write_headers(tables(), tmp_path)
    assert contents(HEADERS, "*.h") == contents(tmp_path, "*.h"), "run: python -m firmware.build"


def test_the_index_leads_to_every_page_and_names_every_model() -> None:
    written = pages()
    index = written[DEVICES / "README.md"]
    assert all(f"]({path.name})" in index for path in written if path.name != "README.md")
    assert all(f"## {model.__name__}\n" in index for model in MODELS)


def test_a_model_must_say_what_it_lacks() -> None:
    class Silent:
        pass

    with pytest.raises(ValueError, match=r": its docstring has no 'Not modelled:' list$"):
        not_modelled(Silent)  # type: ignore[arg-type]
