"""Numbers that are not cells, and memory reservations, in a board's YAML."""

from __future__ import annotations

import pytest

from soc.devicetree.fdt import flatten
from soc.errors import BadInput
from tests.devicetree.conftest import Complain, Load
from tests.devicetree.dtc import Dtc


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("!u8 [0x52, 0x54, 0, 18, 0x34, 0x56]", "a = [52 54 00 12 34 56];"),
        ("!u8 [42]", "a = [2a];"),
        ("!u16 [0x1234]", "a = [12 34];"),
        ("!u16 [1, 0xffff]", "a = <0x1ffff>;"),
        ("!u64 [0xffffffffffffffff]", "a = <0xffffffff 0xffffffff>;"),
        ("!u64 [4G]", "a = <0x01 0x00>;"),
        ("\n  !u64\n  - 1\n  - 2", "a = <0x00 0x01 0x00 0x02>;"),
        ("[x, !u8 [0x79, 0]]", 'a = "x\\0y";'),
        ("[[1, 2], !u8 [3]]", "a = [00 00 00 01 00 00 00 02 03];"),
    ],
)
def test_arrays(value: str, line: str, load: Load, dtc: Dtc) -> None:
    assert f"\t{line}\n" in dtc.decompile(flatten(load(f"a: {value}\n")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !u8 [1, 256]\n", "board.yaml:1: !u8: 256 does not fit 8 bits"),
        ("a: !u16 [1,\n  64K]\n", "board.yaml:2: !u16: 64K does not fit 16 bits"),
        ("a: !u64 [0x10000000000000000]\n", "board.yaml:1: !u64: 0x10000000000000000 does not fit 64 bits"),
        ("a: !u8 [x]\n", "board.yaml:1: !u8: 'x' stands where a number is needed"),
        ("a: &l {}\nb: !u64 [*l]\n", "board.yaml:2: !u64: &l stands where a number is needed"),
        ("a: !u8 [[1]]\n", "board.yaml:1: !u8: [1] stands where a number is needed"),
        ("a: !u8 []\n", "board.yaml:1: an empty list: write true for an empty property"),
        ("a: !u8 1\n", "board.yaml:1: tag '!u8' is not allowed: only plain data is"),
        ("a: !u8 {}\n", "board.yaml:1: tag '!u8' is not allowed: only plain data is"),
        ("a: !u32 [1]\n", "board.yaml:1: tag '!u32' is not allowed: only plain data is"),
        (
            "n: {reg: !u8 [1, 2]}\n",
            "board.yaml:1: reg is a list of rows such as [[0x30860000, 0x1000]], not !u8 [1, 2]",
        ),
        ("'#size-cells': !u8 [1]\n", "board.yaml:1: #size-cells: !u8 [1] stands where a number is needed"),
        (
            "compatible: !u8 [1]\n",
            "board.yaml:1: compatible must be a string or a list of strings, not !u8 [1]",
        ),
    ],
)
def test_what_is_no_array(text: str, message: str, complain: Complain) -> None:
    assert complain(text) == message


def test_memory_reservations(load: Load) -> None:
    board = load("/memreserve/: [[0x48000000, 64K], [0x1000000000, 4K]]\na: 1\n")
    assert board.memreserve == ((0x48000000, 0x10000), (0x1000000000, 0x1000))
    assert list(board.root.properties) == ["a"]
    assert load("a: 1\n").memreserve == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "/memreserve/: 1\n",
            "board.yaml:1: /memreserve/ is a list of rows such as [[0x30860000, 0x1000]], not 1",
        ),
        (
            "/memreserve/: [[1]]\n",
            "board.yaml:1: bad cell count: /memreserve/ [1] has 1 numbers, not 2 [address, size] "
            "(#address-cells 2, #size-cells 2 of /)",
        ),
        ("/memreserve/:\n- [1, 0]\n", "board.yaml:2: /memreserve/ [1, 0] is empty: its size is 0"),
        (
            "/memreserve/: [[0x10000000000000000, 1]]\n",
            "board.yaml:1: /memreserve/: address 0x10000000000000000 does not fit 2 cells "
            "(#address-cells 2, #size-cells 2 of /)",
        ),
        (
            "n:\n  /memreserve/: [[1, 1]]\n",
            "board.yaml:2: '/memreserve/' is not a property name (a node needs a mapping)",
        ),
        (
            "/memreserve/: {}\n",
            "board.yaml:1: '/memreserve/' is not a node name: use name or name@unit-address",
        ),
    ],
)
def test_what_is_no_memory_reservation(text: str, message: str, complain: Complain) -> None:
    assert complain(text) == message


def test_a_flag_with_a_value_is_refused_in_any_size(load: Load) -> None:
    with pytest.raises(BadInput, match="no-map is a flag: write true, not !u8 .1."):
        load("n: {no-map: !u8 [1]}\n")
