"""The pages tell the truth: commands run, examples load, links and file names lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from soc.cli import main
from soc.devicetree.tree import load_board
from soc.devicetree.yaml_source import parse
from soc.scenario.bugs import BUGS
from soc.scenario.spec import load_scenario
from soc.verify.result import Check, Copy, Fault, RunResult
from tests.docs.pages import (
    ROOT,
    Command,
    broken_links,
    commands,
    examples,
    missing_files,
    name,
    pages,
    scripts,
    shows,
    write_examples,
)

PAGES = pages()
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
COMMANDS = [command for page, text in TEXTS.items() for command in commands(text, name(page))]
EXAMPLES = [(name(page), *example) for page, text in TEXTS.items() for example in examples(text)]
WRONG = {command.text.split()[-1] for command in COMMANDS if command.status == 2}
"""Files that a page shows to be refused."""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the repository's configurations and the examples of all pages, as current folder."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    (tmp_path / "firmware").mkdir()
    for image in (ROOT / "firmware").glob("*.elf"):
        shutil.copy(image, tmp_path / "firmware")
    write_examples(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- Python ------------------------------------------------------------------


@pytest.mark.parametrize("page", [page for page in PAGES if scripts(TEXTS[page])], ids=name)
def test_python_prints_what_the_page_says(
    page: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {}
    for code, output in scripts(TEXTS[page]):
        exec(code, names)
        printed = capsys.readouterr().out
        assert [line.rstrip() for line in printed.rstrip().splitlines()] == [
            line.rstrip() for line in output.rstrip().splitlines()
        ]


def test_the_python_of_a_page_is_found_with_what_it_prints() -> None:
    text = "```python\na = 1\n```\n\n```text\none\n```\n\n```python\nb\n```\n"
    assert scripts(text) == [("a = 1\n", "one\n"), ("b\n", "")]
    assert any(scripts(text) for text in TEXTS.values())


# --- commands ---------------------------------------------------------------


def test_there_is_something_to_check() -> None:
    assert {"README.md", "docs/boards.md", "docs/scenarios.md"} <= {command.page for command in COMMANDS}
    assert {command.status for command in COMMANDS} == {0, 1, 2}
    assert {file for _, file, _ in EXAMPLES} >= {"boards/minimal.yaml", "scenarios/mine.yaml"}


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_prints_what_the_page_shows(
    command: Command, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program, *arguments = shlex.split(command.text)
    assert program == "soc"
    status = main(arguments)
    printed = capsys.readouterr()
    assert status == command.status, printed.err
    text = printed.err if status == 2 else printed.out
    assert not command.output or shows(command.output, text), text


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a\nc\n", False),
        ("a\nb", "a\n", False),
        ("a", "a\nb\n", False),
        ("a ... z\n...\nend", "a to z\n1\n2\nend\n", True),
        ("a ... z\n...\nend", "a to z\nend\n", True),
        ("a ... z", "a\nz\n", False),
        ("2 bytes ...", "2 bytes moved\n", True),
        ("2 bytes ...", "12 bytes moved\n", False),
        ("  ...", "anything\n", True),
    ],
)
def test_dots_stand_for_what_is_left_out(expected: str, printed: str, same: bool) -> None:
    assert shows(expected, printed) is same


def test_commands_are_read_with_output_and_status() -> None:
    text = (
        "Text\n\n    $ soc check x\n    a\n\n      b\n    $ echo $?\n    1\n\nText\n\n    $ soc regs\n\nEnd\n"
    )
    assert commands(text, "p.md") == [
        Command("p.md", 3, "soc check x", "a\n\n  b", 1),
        Command("p.md", 12, "soc regs", "", 0),
    ]


# --- examples ---------------------------------------------------------------


@pytest.mark.parametrize(("page", "file", "content"), EXAMPLES, ids=[f"{p}-{f}" for p, f, _ in EXAMPLES])
def test_example_loads(page: str, file: str | None, content: str, workspace: Path) -> None:
    if file is None:
        assert parse(Path(page), content).name == ""
    elif file.startswith("scenarios/"):
        scenario = load_scenario(workspace / file, tuple(BUGS))
        board = load_board(scenario.board)
        assert board.find(scenario.source) is not None
        assert board.find(scenario.sink) is not None
    elif file not in WRONG and not file.endswith(".dtsi"):
        assert load_board(workspace / file).memory


# --- links and names --------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_file_names_lead_somewhere(page: Path) -> None:
    assert broken_links(TEXTS[page], page.parent) == []
    assert missing_files(TEXTS[page], page.parent) == []


def test_broken_links_are_found() -> None:
    text = "[a](boards.md) [b](nothing.md) ![c](images/nothing.png) [d](https://example.org/x) [e](#here)"
    assert broken_links(text, ROOT / "docs") == ["nothing.md", "images/nothing.png"]


def test_missing_files_are_found() -> None:
    text = (
        "`soc/bus.py`, `soc/nothing.py`, `devices/<ip>/driver.py`, `devices/<ip>/nothing.py`, `/soc/uart`,\n"
        "`devices/camera/{regs,hardware}.py`, `devices/camera/{regs,software}.py`, `soc/verify/`, `out/x`\n\n"
        "    $ soc check configs/boards/nothing.yaml\n\n```\nsrc/nothing.c\n```\n"
    )
    assert missing_files(text, ROOT / "firmware") == [
        "configs/boards/nothing.yaml",
        "devices/<ip>/nothing.py",
        "devices/camera/{regs,software}.py",
        "soc/nothing.py",
        "src/nothing.c",
    ]


# --- tables of docs/scenarios.md ---------------------------------------------


def section(title: str) -> str:
    """A section of docs/scenarios.md."""
    _, found, rest = TEXTS[ROOT / "docs" / "scenarios.md"].partition(f"\n## {title}\n")
    assert found, title
    return rest.partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """The code in the first cell of each row of a table."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def keys(value: object, path: str = "") -> list[str]:
    """The paths of all plain values: `a.b`, `a[].b` in a list of objects, `a` for a list of strings."""
    if isinstance(value, dict):
        dotted = f"{path}." if path else ""
        return [key for name, inner in value.items() for key in keys(inner, f"{dotted}{name}")]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return keys(value[0], f"{path}[]")
    return [path]


def test_every_key_of_the_report_is_explained() -> None:
    result = RunResult(
        scenario="s",
        board="b",
        description="d",
        width=1,
        height=1,
        format="XRGB8888",
        verdict="copied",
        checks=[Check("bytes", False, "more")],
        copies=[Copy("cpu", 4, "a", "b", 0x80000000)],
        moved_by={"*": (1, 2)},
        faults=[Fault("lcdif", 0x10, 0x1000, "read", "F_TRANSLATION", 5, "never mapped")],
        stale_uses=["a use"],
        incoherences=["a line"],
        leaked=["a reference"],
    )
    assert first_cells(section("report.json")) == keys(result.as_json())


def test_every_bug_is_explained() -> None:
    assert sorted(first_cells(section("Planted bugs"))) == sorted(BUGS)
