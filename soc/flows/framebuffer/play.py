"""What programs do with the framebuffer."""

from __future__ import annotations

from mmap import MAP_SHARED, PROT_READ

from soc.flows.framebuffer.as_asked import AsAsked
from soc.flows.framebuffer.corrected import Corrected
from soc.flows.framebuffer.device import FB_NODE, FB_SIZE, FBIO_IMPORT, FBIO_SHARE
from soc.flows.stage import Stage
from soc.kernel.process import Process

PICTURE = b"one picture for all"


def as_asked(stage: Stage) -> None:
    """The driver is loaded, one program imports the framebuffer, then another one tries."""
    insmod, steps = stage.process("insmod"), stage.steps
    driver = AsAsked(stage)
    driver.module_init(insmod)
    for comm in ("launcher", "player"):
        _import_and_exit(stage, stage.process(comm))
    driver.module_exit(insmod)
    steps.call(insmod, "exit", insmod.exit)


def _import_and_exit(stage: Stage, app: Process) -> None:
    steps, fb = stage.steps, _open(stage, app)
    steps.attempt(app, "ioctl(fb, FBIO_IMPORT)", lambda: app.ioctl(fb, FBIO_IMPORT, 0))
    steps.call(app, "close(fb)", lambda: app.close(fb))
    steps.call(app, "exit", app.exit)


def corrected(stage: Stage) -> None:
    """Three programs at once: by handle and the driver's mmap, by fd, and one that only looks."""
    insmod, steps = stage.process("insmod"), stage.steps
    driver = Corrected(stage)
    driver.module_init(insmod)
    steps.call(insmod, "exit", insmod.exit)
    launcher, player, recorder = (stage.process(comm) for comm in ("launcher", "player", "recorder"))

    fb = _open(stage, launcher)
    steps.call(launcher, "ioctl(fb, FBIO_IMPORT)", lambda: launcher.ioctl(fb, FBIO_IMPORT, 0), _nothing)
    mine = steps.call(launcher, "mmap(fb)", lambda: launcher.mmap(fb, FB_SIZE), _nothing)
    steps.call(launcher, "close(fb)", lambda: launcher.close(fb))
    steps.call(launcher, "draws", lambda: launcher.store(mine, PICTURE))

    fb = _open(stage, player)
    fd = steps.call(player, "ioctl(fb, FBIO_SHARE)", lambda: player.ioctl(fb, FBIO_SHARE, 0), "fd {}".format)
    address = steps.call(player, f"mmap(fd {fd})", lambda: player.mmap(fd, FB_SIZE), _nothing)
    steps.call(player, f"close(fd {fd})", lambda: player.close(fd))
    steps.call(player, "close(fb)", lambda: player.close(fb))
    steps.call(player, "looks", lambda: player.load(address, len(PICTURE)).decode())

    fb = _open(stage, recorder)
    shown = steps.call(
        recorder, "mmap(fb, PROT_READ)", lambda: recorder.mmap(fb, FB_SIZE, PROT_READ, MAP_SHARED), _nothing
    )
    steps.call(recorder, "looks", lambda: recorder.load(shown, len(PICTURE)).decode())
    steps.call(recorder, "munmap", lambda: recorder.munmap(shown, FB_SIZE))
    steps.call(recorder, "close(fb)", lambda: recorder.close(fb))

    for app in (launcher, player, recorder):
        steps.call(app, "exit", app.exit)
    rmmod = stage.process("rmmod")
    driver.module_exit(rmmod)
    steps.call(rmmod, "exit", rmmod.exit)


def _open(stage: Stage, app: Process) -> int:
    return stage.steps.call(app, f"open {FB_NODE}", lambda: app.open(FB_NODE), "fd {}".format)


def _nothing(value: object) -> str:
    return ""
