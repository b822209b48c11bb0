"""How runs end: small programs under `soc boot`, driven both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.boot.programs import Programs
from tests.boot.running import VIRT, Run, boot, variant

BOTH = pytest.mark.parametrize("engine", ["fast", "portable"])
HVC = ("method: smc", "method: hvc")
LIMIT = ("--max-time", 0.2)
"""For runs that end by themselves, long before."""


@BOTH
def test_psci_switches_off(programs: Programs, engine: str) -> None:
    run = boot(VIRT, programs.file("off"), "--engine", engine)
    assert (run.status, run.console, run.ending, run.report) == (0, b"", "power off", [])


@BOTH
def test_psci_by_hvc_switches_off(programs: Programs, engine: str, tmp_path: Path) -> None:
    run = boot(variant(tmp_path, HVC), programs.file("off_by_hvc"), "--engine", engine)
    assert (run.status, run.ending) == (0, "power off")


@BOTH
def test_a_reset_starts_the_machine_again(programs: Programs, engine: str) -> None:
    answers = ["--answer", "? ", "r", "--answer", "? ", "r", "--answer", "? ", "o"]
    run = boot(VIRT, programs.file("ask"), "--engine", engine, *answers)
    assert (run.status, run.console, run.ending) == (0, b"? ? ? ", "power off")


def test_without_reboot_a_reset_is_the_end(programs: Programs) -> None:
    run = boot(VIRT, programs.file("ask"), "--answer", "? ", "r", "--no-reboot", *LIMIT)
    assert (run.status, run.console, run.ending) == (1, b"? ", "the guest reset the machine")
    assert run.report[:2] == [f"  pc       {programs.place('ask', 0x44)}", "  level    EL1"]


@pytest.mark.parametrize(("limit", "status", "console"), [(0.003, 1, b"? "), (0.0045, 0, b"? ? ")])
def test_time_goes_on_over_a_reset(programs: Programs, limit: float, status: int, console: bytes) -> None:
    """The limit is for both starts together."""
    answers = ["--answer", "? ", "r", "--answer", "? ", "o"]
    run = boot(VIRT, programs.file("ask_late"), *answers, "--max-time", limit)
    assert (run.status, run.console) == (status, console)
    assert any(f" at {0.003 if status else 0.004} s of the machine, " in note for note in run.notes)


@BOTH
@pytest.mark.parametrize("symbols", ["the image's own", "a System.map", "none that hold the place"])
def test_a_hang_is_reported(programs: Programs, engine: str, symbols: str, tmp_path: Path) -> None:
    options: list[object] = []
    load, brk, here = (programs.place(name) for name in ("hang_load", "hang_break", "hang_here"))
    if symbols != "the image's own":
        listed = {"a System.map": programs.symbols.address("hang_load")}.get(symbols, 1 << 40)
        (tmp_path / "System.map").write_text(f"{listed:016x} T loop\n{listed + 8:016x} T end\n")
        options = ["--symbols", tmp_path / "System.map"]
        names = ("loop", "loop+0x4", "end") if symbols == "a System.map" else ("", "", "")
        load, brk, here = (
            f"{place[:18]} {name}".rstrip() for place, name in zip((load, brk, here), names, strict=True)
        )
    run = boot(VIRT, programs.file("hang"), "--max-time", 0.001, "--engine", engine, *options)
    assert (run.status, run.console, run.ending) == (1, b"", "the guest did not power off in time")
    assert run.report == [
        f"  pc       {here}",
        "  level    EL1",
        "  ESR      0xf2000007  BRK",
        "  last exceptions",
        f"    [    0.000000] {load}: data abort, ESR 0x96000410",
        f"    [    0.000000] {brk}: BRK, ESR 0xf2000007",
    ]
    assert run.remarks == ["cpu: read of 4 bytes at 0xa000008: nothing answers there"]


@BOTH
def test_a_program_at_el0_is_found_there(programs: Programs, engine: str) -> None:
    run = boot(VIRT, programs.file("hang_in_user"), "--max-time", 0.001, "--engine", engine)
    assert run.status == 1
    assert run.report == [
        f"  pc       {programs.place('user')}",
        "  level    EL0",
        "  ESR      0x00000000  none",
    ]


@BOTH
def test_quiet_reports_all_the_same(programs: Programs, engine: str) -> None:
    """Only the tables are left out."""
    options = ["--max-time", 0.001, "--engine", engine]
    loud = boot(VIRT, programs.file("hang"), *options)
    quiet = boot(VIRT, programs.file("hang"), *options, "--quiet")
    assert (quiet.status, quiet.report, quiet.ending) == (1, loud.report, loud.ending)
    assert quiet.notes[0] == "  cpu: read of 4 bytes at 0xa000008: nothing answers there"
    assert loud.notes[0].startswith("soc: dmabuf-soc virt board: AArch64 ELF, entry ")


def test_a_quiet_good_run_says_nothing(programs: Programs) -> None:
    assert boot(VIRT, programs.file("off"), "--quiet").notes == ()


@BOTH
@pytest.mark.parametrize("typed", [None, b"", b"keys"], ids=["no input", "input that ends", "keys"])
def test_sleep_without_end_is_an_end(programs: Programs, engine: str, typed: bytes | None) -> None:
    run = boot(VIRT, programs.file("sleep"), "--engine", engine, *LIMIT, typed=typed)
    assert (run.status, run.ending) == (1, "the guest waits for an interrupt that nothing will raise")
    assert run.report[0] == f"  pc       {programs.place('sleep', 4)}"


@BOTH
def test_a_core_that_switches_itself_off_is_halted(programs: Programs, engine: str) -> None:
    run = boot(VIRT, programs.file("cpu_off"), "--engine", engine)
    assert (run.status, run.ending) == (1, "the core is halted")


@BOTH
def test_a_panic_is_an_end(programs: Programs, engine: str) -> None:
    run = boot(VIRT, programs.file("panic"), "--engine", engine, *LIMIT)
    assert (run.status, run.ending) == (1, "the guest panicked")
    assert run.text == "---[ end Kernel panic - not syncing ]---\n"
    assert run.report[0] == f"  pc       {programs.place('hang_here')}"


@BOTH
def test_a_core_without_vectors_locks_up(programs: Programs, engine: str) -> None:
    run = boot(VIRT, programs.file("lockup"), "--engine", engine)
    assert (run.status, run.ending) == (1, "the core is locked up: its vector faults itself")
    assert run.remarks[-1] == "cpu: the vector at 0xa000200 faults itself: locked up"


@BOTH
def test_a_watchdog_ends_even_a_lockup(programs: Programs, engine: str) -> None:
    run = boot(VIRT, programs.file("lockup_watched"), "--no-reboot", "--engine", engine, "--max-time", 9)
    assert (run.status, run.ending) == (1, "the guest reset the machine")
    assert run.remarks[-1].endswith("sp805: nobody answered its interrupt in time: reset")


@BOTH
def test_a_fault_without_end_halts(programs: Programs, engine: str) -> None:
    run = boot(VIRT, programs.file("storm"), "--engine", engine)
    assert (run.status, run.ending) == (1, "the core is halted")
    load = programs.symbols.address("storm_load")
    assert run.remarks[-1] == f"cpu: stuck: the instruction at {load:#x} aborts again and again"
    assert [line.partition("] ")[2] for line in run.report[4:]] == [
        f"{programs.place('storm_load')}: data abort, ESR 0x96000410"
    ] * 8


def test_a_prompt_that_never_came_is_told(programs: Programs) -> None:
    answers = ["--answer", "? ", "x", "--answer", "login: ", "root", "--answer", "# ", "ls"]
    run = boot(VIRT, programs.file("ask"), *answers[:3], *answers[3:], "--max-time", 0.001)
    assert run.status == 0  # any key but r switches off
    run = boot(VIRT, programs.file("hang"), *answers, "--max-time", 0.001)
    assert (run.status, run.report[-1]) == (1, "  never printed '? '")


# --- the digest of memory ---------------------------------------------------


def test_the_digest_is_of_every_byte_of_every_bank(programs: Programs, tmp_path: Path) -> None:
    """Each program writes its word somewhere else."""
    board = variant(tmp_path, ("[[0x40000000, 512M]]", "[[0x40000000, 512M], [0x80000000, 64K]]"))
    digests = set()
    for address in (0x4800_0000, 0x5FFF_FFF8, 0x8000_0000, 0x8000_FFF8):
        low, high = 0xD2800001 | (address & 0xFFFF) << 5, 0xF2A00001 | (address >> 16) << 5  # movz, movk x1
        store = (0xB9000021, 0xD2B08000, 0xF2800100, 0xD4000003)  # str w1, [x1]; SYSTEM_OFF
        run = boot(board, rom_program(tmp_path, low, high, *store), "--hash")
        assert run.status == 0
        digests.add(run.digest)
    assert len(digests) == 4


# --- where it starts --------------------------------------------------------


@BOTH
@pytest.mark.parametrize("level", [1, 2])
def test_the_level_it_starts_at(programs: Programs, engine: str, level: int) -> None:
    run = boot(VIRT, programs.file("level"), "--el", level, "--engine", engine)
    assert (run.status, run.console) == (0, b"%d" % level)


@BOTH
def test_el3_has_nobody_above(programs: Programs, engine: str, tmp_path: Path) -> None:
    board = variant(
        tmp_path,
        ("psci:\n", "psci:\n  status: disabled\n"),
        ("    enable-method: psci\n", ""),
        ("  compatible: syscon-poweroff\n  status: disabled\n", "  compatible: syscon-poweroff\n"),
    )
    run = boot(board, programs.file("level_by_syscon"), "--el", 3, "--engine", engine)
    assert (run.status, run.console, run.ending) == (0, b"3", "power off")


# --- the ROM ----------------------------------------------------------------


def rom_program(directory: Path, *words: int) -> Path:
    path = directory / "rom.bin"
    path.write_bytes(b"".join(word.to_bytes(4, "little") for word in words))
    return path


@BOTH
def test_a_store_to_the_rom_is_an_external_abort(programs: Programs, engine: str) -> None:
    run = boot(VIRT, programs.file("store_to_rom"), "--max-time", 0.001, "--engine", engine)
    assert (run.status, run.console) == (1, b"=")
    assert run.report[4:] == [f"    [    0.000000] {programs.place('rom_store')}: data abort, ESR 0x96000450"]


@BOTH
def test_a_flat_program_runs_from_the_rom(tmp_path: Path, engine: str) -> None:
    system_off = (0xD2B08000, 0xF2800100, 0xD4000003)  # movz x0, #0x8400, lsl #16; movk x0, #8; smc #0
    run: Run = boot(VIRT, rom_program(tmp_path, *system_off), "--engine", engine)
    assert (run.status, run.ending) == (0, "power off")


@BOTH
def test_a_program_in_the_rom_cannot_change_itself(tmp_path: Path, engine: str) -> None:
    store_here = (0x10000001, 0xB9000020, 0x14000000)  # adr x1, .; str w0, [x1]; b .
    run = boot(VIRT, rom_program(tmp_path, *store_here), "--max-time", 0.001, "--engine", engine)
    assert run.status == 1
    assert run.report[4] == "    [    0.000000] 0x0000000000000004: data abort, ESR 0x96000450"
