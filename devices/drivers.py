"""Which IPs the kernel model drives. Kept apart from `catalogue`: a guest brings its own drivers."""

from __future__ import annotations

from devices.camera.driver import CameraDriver
from devices.gic400.driver import Gic400 as Gic400Driver
from devices.lcdif.driver import LcdifDriver
from devices.pl011.driver import Pl011Console
from devices.pl330.driver import Pl330Driver
from devices.smmuv3.driver import Smmuv3Driver
from soc.kernel.device import Driver

DRIVERS: tuple[type[Driver], ...] = (
    Gic400Driver,
    Pl011Console,
    Smmuv3Driver,
    Pl330Driver,
    CameraDriver,
    LcdifDriver,
)


def drivers_by_compatible() -> dict[str, str]:
    """Driver names by compatible string."""
    return {compatible: driver.name for driver in DRIVERS for compatible in driver.of_match}
