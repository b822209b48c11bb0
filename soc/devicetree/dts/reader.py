"""The characters of a DTS file and of the files it includes, one token after the other.

White space and comments are skipped, includes are entered and left, and line
markers of a C preprocessor are obeyed, so that a token's place is where its
author wrote it. Everything else a preprocessor does must have been done before.

Source: Devicetree Specification v0.4, chapter 6; includes are looked for beside
the file that has them, as dtc does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from soc.devicetree.values import brief
from soc.devicetree.yaml_events import read_text
from soc.errors import BadInput, Where

MAX_NESTING = 16
MAX_INCLUDES = 1000
MAX_CHARACTERS = 8 << 20

BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL | re.ASCII)
NOT_TOKEN = frozenset(["", *"/# \t\n\r\f\v"])
"""What white space, comments, includes, markers and the end of a file begin with."""
MARKER = re.compile(r'#(?:line)?[ \t]+(\d{1,9})(?:[ \t]+"([^"\n]*)"[^\n]*)?[ \t]*(?:\n|\Z)')
INCLUDE = re.compile(r'(?:/include/|#[ \t]*include)\s*(?:"([^"\n]*)"|<([^>\n]*)>)')
DIRECTIVE = re.compile(
    r"#[ \t]*(?:define|undef|if|ifdef|ifndef|elif|else|endif|error|warning|pragma)"
    r"(?![\w,.+?-])(?!\s*[=;])"
)
WORD = re.compile(r"[\w,.+*#?@-]+|\S")
PREPROCESS = "run cpp -nostdinc -undef -x assembler-with-cpp -I INCLUDE_DIR first"


@dataclass
class _File:
    """An open file: `at` is the next character, on `line` of `shown`."""

    path: Path
    text: str
    shown: Path
    at: int = 0
    line: int = 1


class Reader:
    """Tokens of the file at `path`. Every method looks at what follows the white space."""

    def __init__(self, path: Path) -> None:
        self._files: list[_File] = []
        self._includes = self._characters = 0
        self._open(path, path)

    @property
    def where(self) -> Where:
        """The place of the next token."""
        self._skip()
        return self._here()

    def peek(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The next token if it matches."""
        self._skip()
        return pattern.match(self._files[-1].text, self._files[-1].at)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The next token if it matches, which is then behind us."""
        found = self.peek(pattern)
        if found:
            self._advance(found.end())
        return found

    def accept(self, text: str) -> bool:
        """Whether `text` comes next; then it is behind us."""
        self._skip()
        file = self._files[-1]
        if not file.text.startswith(text, file.at):
            return False
        self._advance(file.at + len(text))
        return True

    def expect(self, text: str, after: str) -> None:
        """Pass over `text`. BadInput where something else follows `after`."""
        where = self.where
        if not self.accept(text):
            raise BadInput(f"{text} must follow {after}, not {self.shown()}", where)

    def at_end(self) -> bool:
        self._skip()
        return self._files[-1].at == len(self._files[-1].text)

    def shown(self) -> str:
        """The next word, for messages."""
        if self.at_end():
            return "the end of the file"
        file = self._files[-1]
        found = WORD.match(file.text, file.at)
        return brief(repr(found[0] if found else file.text[file.at]))

    # --- what is no token ----------------------------------------------------

    def _skip(self) -> None:
        """Go to the next token, whichever file it is in."""
        while True:
            file = self._files[-1]
            if file.text[file.at : file.at + 1] not in NOT_TOKEN:
                return
            if blank := BLANK.match(file.text, file.at):
                self._advance(blank.end())
            elif file.text.startswith("/*", file.at):
                raise BadInput("a comment starts here and never ends", self._here())
            elif file.at == len(file.text) and len(self._files) > 1:
                self._files.pop()
            elif not self._directive(file):
                return

    def _directive(self, file: _File) -> bool:
        """Follow an include or a line marker, if one is next."""
        if file.text[file.at : file.at + 1] not in ("#", "/"):
            return False
        starts_line = not file.text[file.text.rfind("\n", 0, file.at) + 1 : file.at].strip()
        include = INCLUDE.match(file.text, file.at)
        if include and (include[0][0] == "/" or starts_line):
            self._include(include)
            return True
        if file.text.startswith("/include/", file.at):
            raise BadInput('/include/ must be followed by "FILE"', self._here())
        if not starts_line:
            return False
        if marker := MARKER.match(file.text, file.at):
            file.at, file.line = marker.end(), int(marker[1])
            file.shown = Path(marker[2]) if marker[2] else file.shown
            return True
        if directive := DIRECTIVE.match(file.text, file.at):
            raise BadInput(f"{directive[0]} is for the C preprocessor: {PREPROCESS}", self._here())
        return False

    def _include(self, include: re.Match[str]) -> None:
        where, shown = self._here(), brief(repr(include[1] or include[2] or ""))
        if include[1] is None:
            raise BadInput(f"include of {shown}, a header of the system: {PREPROCESS}", where)
        path = self._files[-1].path.parent / include[1]
        if not path.is_file():
            raise BadInput(f"include of {shown}: there is no such file", where)
        path_id = path.resolve()
        if any(file.path.resolve() == path_id for file in self._files):
            raise BadInput(f"include of {shown}, which includes this file: that never ends", where)
        self._includes += 1
        if len(self._files) > MAX_NESTING:
            raise BadInput(f"includes nested deeper than {MAX_NESTING} levels", where)
        if self._includes > MAX_INCLUDES:
            raise BadInput(f"more than {MAX_INCLUDES} includes", where)
        self._advance(include.end())
        self._open(path, path, where)

    def _open(self, path: Path, shown: Path, where: Where | None = None) -> None:
        text = read_text(path)
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            raise BadInput(f"more than {MAX_CHARACTERS >> 20} MiB of text with all includes", where)
        self._files.append(_File(path, text, shown))

    # --- places --------------------------------------------------------------

    def _advance(self, end: int) -> None:
        file = self._files[-1]
        file.line += file.text.count("\n", file.at, end)
        file.at = end

    def _here(self) -> Where:
        return Where(self._files[-1].shown, max(1, self._files[-1].line))


def unexpected(reader: Reader, wanted: str) -> BadInput:
    """The error to raise at the next token, which is none of what is `wanted`."""
    where = reader.where
    return BadInput(f"{wanted} must come here, not {reader.shown()}", where)
