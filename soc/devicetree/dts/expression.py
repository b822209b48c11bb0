"""Numbers of a DTS: literals, characters, and expressions in parentheses.

Source: Devicetree Specification v0.4, section 6.3; the arithmetic is dtc's: 64 bits
without a sign, wrapping around, operators as in C.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from soc.devicetree.dts.reader import PREPROCESS, Reader, unexpected
from soc.devicetree.dts.strings import unescape
from soc.devicetree.values import Number, brief
from soc.errors import BadInput, Where

MASK = (1 << 64) - 1
MAX_NESTING = 64

WORD = re.compile(r"[0-9][0-9A-Za-z_]*")
LITERAL = re.compile(r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)(?:U|L|UL|LL|ULL)?")
MACRO = re.compile(r"[A-Za-z_]\w*")
CHARACTER = re.compile(r"'((?:[^'\\\n]|\\.)*)'")
UNARY = re.compile(r"[-~!]")
OPERATOR = re.compile(r"\|\||&&|<<|>>|<=|>=|==|!=|[|^&<>+*/%-]")

Operation = Callable[[int, int], int]
LEVELS: tuple[dict[str, Operation], ...] = (
    {"||": lambda a, b: int(bool(a or b))},
    {"&&": lambda a, b: int(bool(a and b))},
    {"|": operator.or_},
    {"^": operator.xor},
    {"&": operator.and_},
    {"==": operator.eq, "!=": operator.ne},
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
    {"<<": lambda a, b: a << b if b < 64 else 0, ">>": lambda a, b: a >> b if b < 64 else 0},
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.floordiv, "%": operator.mod},
)
"""Binary operators, those that bind least first."""
OPERATIONS = {text: (level, does) for level, row in enumerate(LEVELS) for text, does in row.items()}


def integer(reader: Reader) -> Number | None:
    """The number that comes next, below 2^64, or None if none does. BadInput for a malformed one."""
    where = reader.where
    if word := reader.take(WORD):
        return Number(_literal(word[0], where), _spelt(word[0]), where)
    if character := reader.take(CHARACTER):
        data = unescape(character[1], where)
        if len(data) != 1:
            raise BadInput(f"{brief(character[0])} is {len(data)} bytes, not one character", where)
        return Number(data[0], hex(data[0]), where)
    if reader.accept("("):
        value = _Expression(reader).ternary()
        reader.expect(")", "an expression")
        return Number(value, hex(value), where)
    return None


def needed(reader: Reader, wanted: str = "a number") -> Number:
    """The number that comes next. BadInput where none does."""
    number = integer(reader)
    if number is not None:
        return number
    where = reader.where
    if macro := reader.take(MACRO):
        raise BadInput(f"{brief(macro[0])} stands where {wanted} is needed; if a macro, {PREPROCESS}", where)
    raise unexpected(reader, wanted)


def _literal(word: str, where: Where) -> int:
    match = LITERAL.fullmatch(word)
    if match is None:
        raise BadInput(f"{brief(word)} is no number", where)
    digits = match[1]
    octal = digits[0] == "0" and digits[1:2] not in ("", "x", "X")
    if len(digits) > 30 or (value := int(digits, 8 if octal else 0)) > MASK:
        raise BadInput(f"{brief(word)} is wider than 64 bits", where)
    return value


def _spelt(word: str) -> str:
    """The literal without its suffix, as boards spell numbers."""
    digits = word.rstrip("UL").lower()
    return hex(int(digits, 8)) if digits[0] == "0" and digits[1:2] not in ("", "x") else digits


class _Expression:
    """The expression that `reader` is before."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._depth = 0

    def ternary(self) -> int:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise BadInput(f"an expression nested deeper than {MAX_NESTING} levels", self._reader.where)
        value = self._binary(0)
        if self._reader.accept("?"):
            yes = self.ternary()
            self._reader.expect(":", "the first value of ?:")
            no = self.ternary()
            value = yes if value else no
        self._depth -= 1
        return value

    def _binary(self, lowest: int) -> int:
        """Operators of level `lowest` and above, left to right."""
        left = self._unary()
        while True:
            where = self._reader.where
            level, does = self._operation(lowest)
            if does is None:
                return left
            right = self._binary(level + 1)
            if right == 0 and does in (operator.floordiv, operator.mod):
                raise BadInput("division by zero", where)
            left = int(does(left, right)) & MASK

    def _operation(self, lowest: int) -> tuple[int, Operation | None]:
        """The binary operator that comes next, if it binds at `lowest` or above."""
        found = self._reader.peek(OPERATOR)
        level, does = OPERATIONS[found[0]] if found else (-1, None)
        if does is None or found is None or level < lowest:
            return lowest, None
        self._reader.accept(found[0])
        return level, does

    def _unary(self) -> int:
        signs = []
        while sign := self._reader.take(UNARY):
            signs.append(sign[0])
        if self._reader.accept("("):
            value = self.ternary()
            self._reader.expect(")", "an expression")
        else:
            value = needed(self._reader).value
        for sign_ in reversed(signs):
            value = {"-": -value, "~": ~value, "!": int(not value)}[sign_] & MASK
        return value
