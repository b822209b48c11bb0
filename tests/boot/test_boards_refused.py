"""Boards that no machine can be made of, and files that a boot must not overwrite."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from soc.boot.assemble import Booted, prepare
from soc.boot.keyboard import Keyboard
from soc.boot.request import Answer, Request
from soc.boot.run import Boot
from soc.boot.terminal import Terminal
from soc.cpu.engine import Engine
from tests.boot.programs import Programs
from tests.boot.running import VIRT, boot, complaint, variant

GIC = """\
  interrupt-controller@8000000: &gic
"""
SECOND_GIC = """\
  interrupt-controller@8100000:
    compatible: arm,gic-400
    reg: [[0x8100000, 0x1000], [0x8110000, 0x2000]]
    interrupt-controller: true
    '#interrupt-cells': 3

"""
CPU = "    reg: [[0]]                        # MPIDR affinity\n"
SECOND_CPU = """\
    enable-method: psci

  cpu@1:
    device_type: cpu
    compatible: arm,cortex-a72
    reg: [[1]]
    enable-method: psci
"""


def test_two_interrupt_controllers_cannot_both_drive_the_core(programs: Programs, tmp_path: Path) -> None:
    board = variant(tmp_path, (GIC, SECOND_GIC + GIC))
    problem = complaint(board, programs.file("off"))
    assert problem.startswith(f"soc: {board}:")
    assert problem.endswith(
        "/soc/interrupt-controller@8000000 and /soc/interrupt-controller@8100000 "
        "would both drive the CPU: it takes one"
    )


def test_the_core_is_number_0(programs: Programs, tmp_path: Path) -> None:
    board = variant(tmp_path, (CPU, "    reg: [[1]]\n"), ("  cpu@0:", "  cpu@1:"))
    problem = complaint(board, programs.file("off"))
    assert problem.endswith(": reg of /cpus/cpu@1 must be 0, the affinity in the core's MPIDR_EL1")


def test_a_second_core_is_known_and_left_out(programs: Programs, tmp_path: Path) -> None:
    board = variant(tmp_path, ("    enable-method: psci\n", SECOND_CPU))
    run = boot(board, programs.file("off"))
    assert run.status == 0
    [row] = [note.split(maxsplit=1)[1] for note in run.notes if note.startswith("  /cpus/cpu@1  ")]
    assert row == "known, not modelled  one core is modelled (arm,cortex-a72)"
    assert "  /cpus/cpu@1 is not modelled: there is one core" in run.notes


def test_a_rom_larger_than_any_chip(programs: Programs, tmp_path: Path) -> None:
    old = "reg: [[0x0, 64M], [0x4000000, 64M]]"
    board = variant(tmp_path, (old, "reg: [[0x1000000000, 2G]]"), ("  flash@0:", "  flash@1000000000:"))
    problem = complaint(board, programs.file("off"))
    assert problem.endswith(": a bank of /soc/flash@1000000000 is 2 GiB, at most 1 GiB are modelled")


def test_a_syscon_larger_than_is_kept(programs: Programs, tmp_path: Path) -> None:
    old = "  syscon@9080000: &power\n    compatible: syscon\n    reg: [[0x9080000, 0x1000]]"
    new = "  syscon@20000000: &power\n    compatible: syscon\n    reg: [[0x20000000, 2M]]"
    problem = complaint(variant(tmp_path, (old, new)), programs.file("off"))
    assert problem.endswith("reg of /soc/syscon@20000000 is 2 MiB, at most 1 MiB are kept")


def test_more_register_blocks_than_the_engine_is_trusted_with(programs: Programs, tmp_path: Path) -> None:
    blocks = "".join(
        f'  rtc@{base:x}: {{compatible: "arm,pl031", reg: [[{base:#x}, 0x1000]]}}\n'
        for base in range(0x1000_0000, 0x1000_0000 + 1100 * 0x2000, 0x2000)
    )
    board = variant(tmp_path, (GIC, blocks + GIC))
    assert "the board has too many register blocks: no room for a window" in complaint(
        board, programs.file("off")
    )


@pytest.mark.parametrize("option", ["--log", "--dtb-out", "--screen"])
@pytest.mark.parametrize("victim", ["BOARD", "IMAGE"])
def test_what_is_read_is_not_overwritten(
    programs: Programs, tmp_path: Path, option: str, victim: str
) -> None:
    board, image = variant(tmp_path), programs.file("off")
    path = board if victim == "BOARD" else image
    before = path.read_bytes()
    assert complaint(board, image, option, path) == (
        f"soc: {option} {path} would overwrite {victim}: name another file"
    )
    assert path.read_bytes() == before


def test_two_outputs_need_two_files(programs: Programs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert complaint(VIRT, programs.file("off"), "--log", out, "--dtb-out", out) == (
        f"soc: --dtb-out {out} would overwrite --log: name another file"
    )
    assert not out.exists()


def test_an_old_log_survives_a_boot_that_is_refused(programs: Programs, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("precious", encoding="utf-8")
    board = variant(tmp_path, (GIC, SECOND_GIC + GIC))
    complaint(board, programs.file("off"), "--log", log)
    assert log.read_text(encoding="utf-8") == "precious"


def test_a_reset_gives_the_old_machine_back(programs: Programs) -> None:
    """Engines are large: one that resets for ever must not gather them."""
    answers = tuple(Answer(b"? ", key) for key in [b"r"] * 6 + [b"o"])
    most = 0

    class Watched(Boot):
        def _power_on(self) -> Booted:
            nonlocal most
            booted = super()._power_on()
            most = max(most, sum(isinstance(thing, Engine) for thing in gc.get_objects()))
            return booted

    gc.collect()
    before = sum(isinstance(thing, Engine) for thing in gc.get_objects())
    terminal = Terminal(lambda data: None, answers)
    plan = prepare(Request(board=VIRT, image=programs.file("ask"), max_time=1))
    machine = Watched(plan, terminal, Keyboard(None), lambda: False)
    assert machine.run().ending.value == "power off"
    assert terminal.unanswered == ()
    assert most <= before + 2
