"""Plain and quoted words of a board file: number, string, flag or phandle.

YAML's own guesses (yes, 010, 1:30, dates) are not used: a word is a number if
it is decimal or hexadecimal, with K, M, G or T for binary multiples, the flag
if it is `true`, and a string otherwise. Words YAML users read differently are
refused rather than guessed.
"""

from __future__ import annotations

import re

from soc.devicetree.values import Flag, Number, Reference, Text, Value, brief
from soc.errors import BadInput, Where

NUMBER = re.compile(r"(0x[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|[0-9]+(?:_[0-9]+)*)([KMGT]?)")
FORWARD = re.compile(r"&([A-Za-z_][A-Za-z0-9_]*)")
UNIT = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
BOOLEANS = {"yes", "no", "on", "off", "true", "false"}
NULLS = {"", "~", "null", "Null", "NULL"}
MAX_BITS = 128
MAX_DIGITS = 40


def read_scalar(text: str, tag: str | None, plain: bool, where: Where) -> Value:
    """The value of one scalar; `tag` is the short core tag it carries, if any.

    BadInput for a missing value, false, an ambiguous boolean or a number that
    is octal to some readers or too big for any cell.
    """
    if tag == "str":
        return Text(text, where)
    if not plain and tag is None:
        forward = FORWARD.fullmatch(text)
        return Reference(forward[1], where) if forward else Text(text, where)
    if text in NULLS:
        raise BadInput("a value is missing: write true for an empty property, {} for an empty node", where)
    if text == "true":
        return Flag(where)
    if text == "false":
        raise BadInput("false is no property value: leave the property out", where)
    if text.lower() in BOOLEANS:
        raise BadInput(f"{text} is a boolean to YAML: write true, or quote it for a string", where)
    if match := NUMBER.fullmatch(text):
        return Number(_number(match[1], match[2], text, where), text, where)
    if tag in ("int", "bool"):
        raise BadInput(f"{brief(repr(text))} is tagged !!{tag} but is none", where)
    return Text(text, where)


def _number(digits: str, unit: str, text: str, where: Where) -> int:
    digits = digits.replace("_", "")
    if len(digits) > MAX_DIGITS:
        raise BadInput(f"a number of {len(digits)} digits fits no cell", where)
    if len(digits) > 1 and digits[0] == "0" and digits[1] != "x":
        raise BadInput(f"{text} may be read as octal: drop the leading zero, or quote it for a string", where)
    value = int(digits, 0) * UNIT[unit]
    if value >> MAX_BITS:
        raise BadInput(f"{text} is wider than {MAX_BITS} bits", where)
    return value
