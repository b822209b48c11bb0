"""The parser of command lines; every mistake in one is one line."""

from __future__ import annotations

import argparse
from typing import NoReturn, TypeAlias

from soc.cli.status import BAD_INPUT


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line, as every other mistake's."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"soc: {message} (see {self.prog} --help)\n")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""What `add_subparsers` gives: each command adds itself to it."""
