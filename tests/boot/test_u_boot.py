"""Debian's U-Boot, as it comes, from the ROM to its prompt and back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from soc.devicetree.tree import load_board
from tests.boot.running import VIRT, VIRT_GICV3, Run, boot

STOP = ["--answer", "stop autoboot:  2", ""]
PROMPT = "=> "
VERSION = re.compile(r"^U-Boot 20\d\d\.\d\d\S* \(.*\)$", re.MULTILINE)


def u_boot_run(board: Path, image: Path, *options: object, commands: tuple[str, ...] = ("version",)) -> Run:
    """U-Boot to its prompt, these commands and `poweroff`."""
    answers = [word for command in (*commands, "poweroff") for word in ("--answer", PROMPT, command)]
    return boot(board, image, *STOP, *answers, "--max-time", 10, "--hash", *options)


def answer(run: Run, command: str) -> str:
    """What U-Boot printed to a command."""
    [found] = re.findall(rf"^=> {command}\n(.*?)^=> ", run.text, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(scope="module")
def run(u_boot: Path) -> Run:
    return u_boot_run(
        VIRT, u_boot, commands=("version", "bdinfo", "fdt addr ${fdtcontroladdr}", "fdt list /")
    )


def test_it_comes_to_its_prompt_and_answers_and_powers_off(run: Run) -> None:
    assert (run.status, run.ending) == (0, "power off")
    assert run.text.index("DRAM:  512 MiB") < run.text.index("=> version\n")
    assert VERSION.match(answer(run, "version"))
    assert run.text.endswith("=> poweroff\npoweroff ...\n")


def test_it_has_nothing_to_complain_of_and_nor_has_the_hardware(run: Run) -> None:
    """It has no flash to keep its environment in, and says so."""
    complaints = [
        line for line in run.text.splitlines() if re.search("warning|error|fail", line, re.IGNORECASE)
    ]
    assert complaints == [
        "Loading Environment from Flash... *** Warning - bad CRC, using default environment"
    ]
    assert run.remarks == []


def test_it_finds_the_memory_and_the_tree_of_the_board(run: Run) -> None:
    facts = answer(run, "bdinfo")
    [bank] = load_board(VIRT).memory
    assert f"-> start    = {bank.base:#018x}\n-> size     = {bank.size:#018x}\n" in facts
    for region in load_board(VIRT).reserved:
        assert f"[{region.base:#x}-{region.end - 1:#x}]" in facts
    assert 'model = "dmabuf-soc virt board"' in answer(run, "fdt list /")


def test_two_runs_are_the_same_run(u_boot: Path) -> None:
    first, second = (u_boot_run(VIRT, u_boot) for _ in range(2))
    assert (first.status, first.console, first.digest) == (0, second.console, second.digest)


def test_the_portable_engine_gives_the_same_run(u_boot: Path) -> None:
    fast = u_boot_run(VIRT, u_boot, "--engine", "fast")
    portable = u_boot_run(VIRT, u_boot, "--engine", "portable")
    assert (fast.status, fast.console, fast.digest) == (0, portable.console, portable.digest)
    engines = [note for run in (fast, portable) for note in run.notes if note.startswith("soc: engine: ")]
    assert len(set(engines)) == 2


def test_it_starts_at_el2(u_boot: Path) -> None:
    run = u_boot_run(VIRT, u_boot, "--el", 2)
    assert (run.status, run.remarks) == (0, [])
    assert VERSION.match(answer(run, "version"))


def test_on_a_gicv3(u_boot: Path) -> None:
    run = u_boot_run(VIRT_GICV3, u_boot)
    assert (run.status, run.remarks) == (0, [])
    assert VERSION.match(answer(run, "version"))


def test_its_reset_starts_it_again(u_boot: Path) -> None:
    again = ["--answer", PROMPT, "reset", *STOP, "--answer", PROMPT, "poweroff"]
    run = boot(VIRT, u_boot, *STOP, *again, "--max-time", 10)
    assert run.status == 0
    assert run.text.count("DRAM:  512 MiB") == 2
    assert run.text.index("=> reset\nresetting ...\n") < run.text.rindex("DRAM:  512 MiB")


def test_its_commands_come_down_a_pipe_too(u_boot: Path) -> None:
    run = boot(VIRT, u_boot, "--max-time", 10, typed=b"\nversion\npoweroff\n")
    assert run.status == 0
    assert VERSION.match(answer(run, "version"))


@pytest.mark.parametrize("level", [1, 2])
def test_a_fault_resets_it_after_a_report(u_boot: Path, level: int) -> None:
    """A store to the ROM; what U-Boot prints of it is what the core told it."""
    store = ["--answer", PROMPT, "mw.l 0 1"]
    run = boot(VIRT, u_boot, *STOP, *store, "--el", level, "--no-reboot", "--max-time", 10)
    assert (run.status, run.ending) == (1, "the guest reset the machine")
    assert '"Synchronous Abort" handler, esr 0x96000450' in run.text
    assert "Resetting CPU ..." in run.text
    assert run.report[1] == f"  level    EL{level}"
    assert any(line.endswith("data abort, ESR 0x96000450") for line in run.report)
