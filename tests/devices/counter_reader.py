"""Reads the number burnt into a camera picture, from pixels alone.

The digits are told by the shapes drawn below, not by the camera's own tables.
"""

from __future__ import annotations

import numpy as np

SHAPES = """
.###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###.
#...# .##.. #...# ...#. ..##. #.... .#... ....# #...# #...#
#..## ..#.. ....# ..#.. .#.#. ####. #.... ...#. #...# #...#
#.#.# ..#.. ...#. ...#. #..#. ....# ####. ..#.. .###. .####
##..# ..#.. ..#.. ....# ##### ....# #...# .#... #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#.
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .##..
"""
DIGITS = [[line.split()[digit] for line in SHAPES.split("\n") if line] for digit in range(10)]
PLACES = 6


def read_counter(brightness: np.ndarray) -> int:
    """The number in a picture of any brightness scale, shape (lines, pixels).

    The digits stand two dots from the top left corner, each in a cell of 8 rows
    by 6 columns of dots; AssertionError when a cell is no digit.
    """
    height, width = brightness.shape
    dot = max(1, min(width // 42, height // 24, 8))
    text = ""
    for place in range(PLACES):
        top, left = 2 * dot, (2 + 6 * place) * dot
        cell = brightness[top : top + 8 * dot, left : left + 6 * dot]
        dark, bright = int(cell.min()), int(cell.max())
        on = cell > (dark + bright) // 2
        dots = on.reshape(8, dot, 6, dot)
        assert (dots.all(axis=(1, 3)) == dots.any(axis=(1, 3))).all(), "a dot is not of one colour"
        rows = ["".join("#" if lit else "." for lit in row) for row in dots[:, 0, :, 0]]
        assert rows[7] == "......", "the row between lines is not blank"
        assert {row[5] for row in rows} == {"."}, "the column between digits is not blank"
        shape = [row[:5] for row in rows[:7]]
        assert shape in DIGITS, "no digit:\n" + "\n".join(shape)
        text += str(DIGITS.index(shape))
    return int(text)
