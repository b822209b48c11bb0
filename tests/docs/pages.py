"""Reads the project's pages: commands with what they print, YAML examples, links, names of files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROMPT = re.compile(r"( +)\$ (.+)")
STATUS = "echo $?"
EXAMPLE = re.compile(
    r"(?:^<!-- file: (\S+) -->\n^```(?:yaml|dts)|^```yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
PYTHON = re.compile(r"^```python\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE_SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.][\w.@*<>{},-]*/[\w.@*<>{},/-]*")
BRACES = re.compile(r"\{([^{}]*)\}")
FOLDERS = {"soc", "devices", "heaps", "firmware", "configs", "tests", "docs", "benchmarks", ".ci"}
SOURCES = (".py", ".c", ".S", ".h", ".elf")


@dataclass(frozen=True)
class Command:
    """A command as a page shows it; `output` is empty when the page shows none."""

    page: str
    line: int
    text: str
    output: str
    status: int

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page for people."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "firmware" / "README.md"])


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


# --- commands ---------------------------------------------------------------


def commands(text: str, page: str) -> list[Command]:
    """The commands behind `$` in indented blocks; a shown `echo $?` gives the status of the one before."""
    lines = text.splitlines()
    found: list[Command] = []
    for index, line in enumerate(lines):
        prompt = PROMPT.fullmatch(line)
        if not prompt:
            continue
        output = _output(lines[index + 1 :], prompt[1])
        if prompt[2] == STATUS:
            last = found.pop()
            found.append(Command(last.page, last.line, last.text, last.output, int(output)))
        else:
            found.append(Command(page, index + 1, prompt[2], output, 0))
    return found


def _output(lines: list[str], indent: str) -> str:
    """What stands under a prompt up to the next one or the end of the block."""
    out = []
    for line in lines:
        if PROMPT.fullmatch(line) or (line.strip() and not line.startswith(indent)):
            break
        out.append(line.removeprefix(indent).rstrip())
    return "\n".join(out).strip("\n")


def shows(expected: str, printed: str) -> bool:
    """Whether `printed` is what the page shows: `...` stands for lines, or inside a line for a part of it."""
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += "[^\n]*".join(re.escape(piece) for piece in line.split("...")) + r"[ ]*\n"
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n") is not None


# --- examples ---------------------------------------------------------------


def examples(text: str) -> list[tuple[str | None, str]]:
    """The YAML blocks, and the DTS blocks that have one, as (file name the page gives them, content)."""
    return [(match[1], match[2]) for match in EXAMPLE.finditer(text)]


def write_examples(root: Path) -> None:
    """Write the examples of all pages that have a file name below `root`."""
    for page in pages():
        for file, content in examples(page.read_text(encoding="utf-8")):
            if file is not None:
                path = root / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")


def scripts(text: str) -> list[tuple[str, str]]:
    """The Python blocks, which run one after the other, as (code, what the page says it prints).

    None of a page that shows no output: its blocks are fragments of two programs or more.
    """
    found = [(match[1], match[2] or "") for match in PYTHON.finditer(text)]
    return found if any(output for _, output in found) else []


# --- names ------------------------------------------------------------------


def broken_links(text: str, folder: Path) -> list[str]:
    """The relative links of a page in `folder` that lead nowhere."""
    targets = [target.partition("#")[0] for target in LINK.findall(text) if "://" not in target]
    return [target for target in targets if target and not (folder / target).exists()]


def missing_files(text: str, folder: Path) -> list[str]:
    """Files the page names in code that are neither below `folder` nor below the root.

    `*` and `<anything>` stand for any name, `{a,b}` for each of its names.
    """
    found = {path for token in _code(text) if (path := token.rstrip(",;:")) and _is_ours(path)}
    return sorted(path for path in found if not all(_exists(one, folder) for one in _expand(path)))


def _code(text: str) -> Iterator[str]:
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield from line.split()
        else:
            yield from CODE_SPAN.findall(line)


def _is_ours(token: str) -> bool:
    """Whether the token is a path in the repository rather than one of a device tree or a run."""
    if not PATH.fullmatch(token):
        return False
    return token.split("/")[0] in FOLDERS or token.endswith(SOURCES)


def _expand(path: str) -> list[str]:
    braces = BRACES.search(path)
    if braces is None:
        return [path]
    names = braces[1].split(",")
    return [one for each in names for one in _expand(path[: braces.start()] + each + path[braces.end() :])]


def _exists(path: str, folder: Path) -> bool:
    pattern = re.sub(r"<[^<>]*>", "*", path).rstrip("/")
    return any(True for base in (ROOT, folder) for _ in base.glob(pattern))
