"""`soc dtb` and `soc import`: files in, files out, and nothing by halves."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from soc.cli import main
from tests.devicetree.dtc import Dtc
from tests.devicetree.dts_text import write
from tests.devicetree.twins import TWINS

SMALL = """/dts-v1/;
/ {
	model = "small";
	#address-cells = <2>;
	#size-cells = <2>;
	interrupt-parent = <&gic>;
	memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x10000000>; };
	soc {
		ranges;
		uart: serial@9000000 {
			compatible = "arm,pl011", "arm,primecell";
			reg = <0 0x9000000 0 0x1000>;
			interrupts = <0 1 4>;
			local-mac-address = [52 54 00];
			opp-hz = /bits/ 64 <1200000000>;
		};
		gic: interrupt-controller@8000000 {
			reg = <0 0x8000000 0 0x10000>;
			#interrupt-cells = <3>;
			interrupt-controller;
		};
		empty: empty { };
	};
	user { path = &uart; on = "true"; refers = <&uart 010 0x20 ('a')>; };
};
"""
IMPORTED = """model: small
'#address-cells': 2
'#size-cells': 2
interrupt-parent: "&gic"

memory@40000000:
  device_type: memory
  reg: [[0x40000000, 256M]]

soc:
  ranges: true

  serial@9000000: &uart
    compatible: ["arm,pl011", "arm,primecell"]
    reg: [[0x9000000, 0x1000]]
    interrupts: [[spi, 1, level-high]]
    local-mac-address: !u8 [0x52, 0x54, 0x00]
    opp-hz: !u64 [1200000000]

  interrupt-controller@8000000: &gic
    reg: [[0x8000000, 0x10000]]
    '#interrupt-cells': 3
    interrupt-controller: true

  empty: &empty {}

user:
  path: /soc/serial@9000000
  on: "true"
  refers: [*uart, 0x8, 0x20, 0x61]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def soc(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line of a refusal."""
    assert soc(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err.rstrip("\n")


# --- what is written --------------------------------------------------------------


@pytest.mark.parametrize("name", TWINS)
def test_an_imported_board_flattens_to_what_dtc_makes_of_the_dts(name: str, folder: Path, dtc: Dtc) -> None:
    _, dts = TWINS[name]
    assert soc("import", dts) == 0
    assert soc("dtb", f"{name}.yaml") == 0
    assert (folder / f"{name}.dtb").read_bytes() == dtc.compile(dts)


def test_an_import_looks_like_a_board_of_ours(folder: Path) -> None:
    write(folder, SMALL)
    assert soc("import", "board.dts", "-o", "mine.yaml") == 0
    assert (folder / "mine.yaml").read_text() == IMPORTED
    assert sorted(path.name for path in folder.iterdir()) == ["board.dts", "mine.yaml"]


def test_long_lists_are_folded(folder: Path, dtc: Dtc) -> None:
    cells = " ".join(str(number) for number in range(100))
    rows = ", ".join(f"<{number} 1 2 3>" for number in range(30))
    source = write(
        folder, f"/dts-v1/; / {{ a = <{cells}>; b = {rows}; c = [{'00 ' * 99}]; n {{ d = <{cells}>; }}; }};"
    )
    assert soc("import", source) == 0
    lines = (folder / "board.yaml").read_text().splitlines()
    assert max(len(line) for line in lines) <= 110
    assert "  - [29, 1, 2, 3]" in lines
    assert soc("dtb", "board.yaml") == 0
    assert (folder / "board.dtb").read_bytes() == dtc.compile(source)


def test_a_flattened_tree_is_imported_too(folder: Path) -> None:
    assert soc("dtb", TWINS["properties"][0]) == 0
    assert soc("import", "properties.dtb") == 0
    assert soc("dtb", "properties.yaml", "-o", "again.dtb") == 0
    assert (folder / "again.dtb").read_bytes() == (folder / "properties.dtb").read_bytes()


def test_an_import_does_not_judge(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, "/dts-v1/; / { n@5 { #size-cells = <0>; reg = <0 1 1>; }; };")
    assert soc("import", "board.dts") == 0
    assert told(capsys, "dtb", "board.yaml").startswith(
        "soc: board.yaml:1: unit address of /n@5 is not its first reg"
    )


def test_a_dash_is_standard_output(folder: Path, dtc: Dtc, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    source = write(folder, SMALL)
    assert soc("dtb", source, "-o", "-") == 0
    assert capfdbinary.readouterr().out == dtc.compile(source)
    assert soc("import", source, "-o", "-") == 0
    assert capfdbinary.readouterr().out == IMPORTED.encode()
    assert [path.name for path in folder.iterdir()] == ["board.dts"]


def test_check_reads_them_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(folder, SMALL)
    assert soc("dtb", source) == 0
    for board in ("board.dts", "board.dtb"):
        assert soc("check", board) == 0
        assert capsys.readouterr().out.startswith(f"small ({board})\n")


# --- what is refused ---------------------------------------------------------------


def test_a_mistake_is_one_line_and_leaves_the_old_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, {"bad.dts": "/dts-v1/;\n/ {\n a = <&none>; };", "bad.yaml": "a: 1\nb: [*none]\n"})
    (folder / "bad.dtb").write_bytes(b"old")
    assert told(capsys, "dtb", "bad.dts") == "soc: bad.dts:3: unknown label &none: no node has it"
    assert told(capsys, "dtb", "bad.yaml") == "soc: bad.yaml:2: unknown phandle &none: no node has that label"
    assert told(capsys, "import", "bad.dts", "-o", "out.yaml").endswith("&none: no node has it")
    assert (folder / "bad.dtb").read_bytes() == b"old"
    assert sorted(path.name for path in folder.iterdir()) == ["bad.dtb", "bad.dts", "bad.yaml"]


def test_what_no_cell_holds_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "board.yaml").write_text("a: 1\nb: [1, 8G]\n")
    assert told(capsys, "dtb", "board.yaml") == (
        "soc: board.yaml:2: b: 8G does not fit 1 cell of 32 bits; a number of 64 bits is b: !u64 [8G]"
    )
    assert [path.name for path in folder.iterdir()] == ["board.yaml"]


def test_a_board_in_yaml_is_not_imported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "board.yaml").write_text("a: 1\n")
    assert told(capsys, "import", "board.yaml") == (
        "soc: board.yaml is no .dts and no .dtb: soc import reads these"
    )


def test_the_source_is_not_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(folder, SMALL)
    assert soc("dtb", source) == 0
    blob = (folder / "board.dtb").read_bytes()
    problem = "would overwrite the board it is made of: name another file with -o"
    assert told(capsys, "dtb", "board.dtb") == f"soc: board.dtb {problem}"
    (folder / "link").symlink_to("board.dts")
    assert told(capsys, "dtb", "board.dts", "-o", "link") == f"soc: link {problem}"
    assert (folder / "board.dtb").read_bytes() == blob


@pytest.mark.parametrize(
    ("out", "reason"), [("none/x.dtb", errno.ENOENT), (".", errno.EISDIR), ("x" * 300, errno.ENAMETOOLONG)]
)
def test_where_nothing_can_be_written(
    out: str, reason: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(folder, SMALL)
    assert told(capsys, "dtb", source, "-o", out) == f"soc: cannot write {out}: {os.strerror(reason)}"
    assert [path.name for path in folder.iterdir()] == ["board.dts"]


def test_a_full_disk_leaves_the_old_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(folder, SMALL)
    (folder / "board.dtb").write_bytes(b"old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert told(capsys, "dtb", source) == "soc: cannot write board.dtb: No space left on device"
    assert (folder / "board.dtb").read_bytes() == b"old"
    assert sorted(path.name for path in folder.iterdir()) == ["board.dtb", "board.dts"]


def test_a_link_is_followed(folder: Path) -> None:
    source = write(folder, {"board.dts": SMALL, "real/kept": ""})
    (folder / "board.dtb").symlink_to("real/board.dtb")
    assert soc("dtb", source) == 0
    assert (folder / "board.dtb").is_symlink()
    assert (folder / "real" / "board.dtb").stat().st_size > 100


@pytest.mark.parametrize("command", ["dtb", "import"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"soc {command} " in capsys.readouterr().out.partition("examples:")[2]
