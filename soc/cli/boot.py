"""`soc boot`: software on a board, with its console as the terminal."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import xxhash

from soc.address import PhysAddr
from soc.boot.assemble import Booted, Plan, prepare
from soc.boot.ending import Ending, Outcome
from soc.boot.keyboard import Keyboard, standard_input
from soc.boot.nodes import as_text
from soc.boot.request import DEFAULT_SEED, Answer, Request
from soc.boot.run import Boot
from soc.boot.screen import Screen
from soc.boot.terminal import Terminal
from soc.cli.commands import Commands
from soc.cli.output import write_whole
from soc.cli.status import FAILED, HELD, silence
from soc.clock import SECOND
from soc.errors import BadInput
from soc.guest import Start
from soc.sigint import Interrupts

MOST_REMARKS = 20
"""Lines of the machine's log shown at the end."""


def add(commands: Commands) -> None:
    boot = commands.add_parser(
        "boot",
        help="boot U-Boot, Linux or other software on a board",
        description="Boots IMAGE (an arm64 Linux Image, gzip or EFI zboot around one, an ELF file, or a flat "
        "binary) on a board. Its console is this terminal; Ctrl-A X leaves. Time is the machine's own: "
        "two runs of one command are the same run, byte for byte.",
        epilog="examples: soc boot configs/boards/virt.yaml Image --initrd rootfs.cpio.gz --append "
        "console=ttyAMA0; soc boot configs/boards/virt.yaml u-boot.bin --answer '=> ' version; "
        "exit status: 0 powered off, 1 it did not, 2 bad input",
    )
    boot.add_argument("board", type=Path, metavar="BOARD", help="a board: .yaml, .dts or .dtb")
    boot.add_argument("image", type=Path, metavar="IMAGE")
    boot.add_argument("--initrd", type=Path, metavar="FILE", help="initial RAM disk of Linux")
    boot.add_argument("--append", metavar="ARGS", help="kernel command line (/chosen/bootargs)")
    boot.add_argument("--dtb-out", type=Path, metavar="FILE", help="write the device tree that is passed")
    boot.add_argument("--max-time", type=_seconds, metavar="S", help="seconds of the machine's time")
    boot.add_argument("--fast", action="store_true", help="run on the host's time, as fast as it goes")
    boot.add_argument(
        "--engine",
        choices=("auto", "fast", "portable"),
        default="auto",
        help="how the CPU engine is driven: through its insides where a self-test allows it, or never",
    )
    boot.add_argument(
        "--el", type=int, choices=(1, 2, 3), default=1, help="exception level to start at (default: 1)"
    )
    boot.add_argument("--load", type=_address, metavar="ADDRESS", help="where a flat binary goes")
    boot.add_argument("--symbols", type=Path, metavar="FILE", help="ELF or System.map, for reports")
    boot.add_argument("--log", type=Path, metavar="FILE", help="keep what the console prints")
    boot.add_argument(
        "--screen", type=Path, metavar="FILE.png", help="keep what the display showed last, as a picture"
    )
    boot.add_argument(
        "--answer",
        nargs=2,
        action="append",
        default=[],
        metavar=("PROMPT", "REPLY"),
        help="type REPLY when PROMPT is printed; in the order given, each once",
    )
    boot.add_argument("--kaslr", action="store_true", help="let Linux place itself by the seed")
    boot.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of the guest's random numbers")
    boot.add_argument("--no-reboot", action="store_true", help="a reset ends the run, with status 1")
    boot.add_argument("--hash", action="store_true", help="end with a digest of all DRAM")
    boot.add_argument("--quiet", action="store_true", help="nothing but the console and errors")
    boot.set_defaults(command=_boot)


def _boot(options: argparse.Namespace) -> int:
    _check_outputs(options)
    plan = prepare(_request(options))
    screen = _screen(options, plan)
    terminal = Terminal(_show, plan.request.answers)
    with Interrupts() as interrupts, Keyboard(standard_input()) as keyboard:
        boot = Boot(plan, terminal, keyboard, interrupts.seen, screen)
        log = _log(options.log)
        terminal.log = log
        if options.dtb_out is not None:
            write_whole(options.dtb_out, plan.dtb, options.board)
        if not options.quiet:
            _introduce(plan, boot.booted)
        started = time.perf_counter()
        try:
            outcome = boot.run()
        finally:
            if log is not None:
                log.close()
    _conclude(options, plan, boot.booted, outcome, time.perf_counter() - started)
    if screen is not None:
        _keep(screen, options)
    boot.booted.machine.close()
    return HELD if outcome.ending in (Ending.POWER_OFF, Ending.LEFT) else FAILED


def _introduce(plan: Plan, booted: Booted) -> None:
    _note(f"{plan.tree.model}: {plan.image}")
    for line in as_text(plan.tree):
        _note(f"  {line}")
    _note(f"engine: {booted.guest.cpu.engine}")


def _conclude(
    options: argparse.Namespace, plan: Plan, booted: Booted, outcome: Outcome, seconds: float
) -> None:
    machine = booted.machine
    bad = bool(outcome.lines)
    if not options.quiet or bad:
        _list([f"  {line}" for line in machine.log], "remarks of the hardware")
        incidents = machine.cache.incidents if machine.cache is not None else []
        _list([f"  stale cache line: {incident}" for incident in incidents], "stale cache lines")
    if not options.quiet or bad:
        _note(f"{outcome.ending.value} at {outcome.time / SECOND:.3f} s of the machine, {seconds:.2f} s here")
    for line in outcome.lines:
        _note(line)
    if options.hash:
        digest = xxhash.xxh128()
        for bank in machine.dram.banks:
            digest.update(bank.bytes.data)
        _note(f"DRAM {digest.hexdigest()}")


def _screen(options: argparse.Namespace, plan: Plan) -> Screen | None:
    if options.screen is None:
        return None
    if not options.screen.parent.is_dir():
        raise BadInput(f"cannot write {options.screen}: there is no directory {options.screen.parent}")
    return Screen(plan.tree)


def _keep(screen: Screen, options: argparse.Namespace) -> None:
    """The picture; nothing without one, which is no failure of the guest."""
    if screen.picture is None:
        _note(f"the display showed nothing: {options.screen} is not written")
        return
    from soc.report.png import png

    write_whole(options.screen, png(screen.picture), options.board)


def _request(options: argparse.Namespace) -> Request:
    answers = tuple(Answer(os.fsencode(prompt), os.fsencode(reply)) for prompt, reply in options.answer)
    if any(not answer.prompt for answer in answers):
        raise BadInput("--answer needs a PROMPT to wait for")
    return Request(
        board=options.board,
        image=options.image,
        initrd=options.initrd,
        append=options.append,
        symbols=options.symbols,
        load=options.load,
        start=Start(options.engine, options.fast, options.el),
        max_time=options.max_time,
        reboot=not options.no_reboot,
        kaslr=options.kaslr,
        seed=options.seed,
        answers=answers,
    )


def _check_outputs(options: argparse.Namespace) -> None:
    """BadInput if a file to be written is one that is read, or is written twice."""
    inputs = {"BOARD": options.board, "IMAGE": options.image}
    inputs |= {"--initrd": options.initrd, "--symbols": options.symbols}
    outputs = {"--log": options.log, "--dtb-out": options.dtb_out, "--screen": options.screen}
    named: dict[Path, str] = {path.resolve(): name for name, path in inputs.items() if path is not None}
    for name, path in outputs.items():
        if path is None or str(path) == "-":
            continue
        other = named.setdefault(path.resolve(), name)
        if other != name:
            raise BadInput(f"{name} {path} would overwrite {other}: name another file")


def _log(path: Path | None) -> BinaryIO | None:
    if path is None:
        return None
    try:
        return path.open("wb")
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from None


def _list(lines: list[str], what: str) -> None:
    """All `lines`, or the first and the last of very many."""
    half = MOST_REMARKS // 2
    left_out = len(lines) - MOST_REMARKS
    for line in lines if left_out <= 0 else lines[:half]:
        _note(line)
    if left_out > 0:
        _note(f"  and {left_out} more {what}, then")
        for line in lines[-half:]:
            _note(line)


def _show(data: bytes) -> None:
    if sys.stdout is None:
        return  # it was closed before we started
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        silence()


def _note(line: str) -> None:
    """Beside the console's text."""
    print(f"soc: {line}" if not line.startswith(" ") else line, file=sys.stderr, flush=True)


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 < (value := float(text)) < 1e9:
            return value
    raise argparse.ArgumentTypeError(f"must be more than 0 and less than 1e9 seconds, not {text!r}")


def _address(text: str) -> PhysAddr:
    with suppress(ValueError):
        if 0 <= (value := int(text, 0)) < 1 << 48:
            return PhysAddr(value)
    raise argparse.ArgumentTypeError(f"must be a physical address of 48 bits, not {text!r}")
