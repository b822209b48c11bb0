"""Which IPs exist: hardware models for boards, drivers for the kernel model."""

from __future__ import annotations

from devices.camera.driver import CameraDriver
from devices.camera.hardware import Camera
from devices.fixed_clock.hardware import FixedClock
from devices.gic400.driver import Gic400 as Gic400Driver
from devices.gic400.hardware import Gic400
from devices.gicv3.hardware import Gicv3
from devices.gpio_poweroff.hardware import GpioPoweroff, GpioRestart
from devices.lcdif.driver import LcdifDriver
from devices.lcdif.hardware import Lcdif
from devices.pl011.driver import Pl011Console
from devices.pl011.hardware import Pl011
from devices.pl031.hardware import Pl031
from devices.pl061.hardware import Pl061
from devices.pl330.driver import Pl330Driver
from devices.pl330.hardware import Pl330
from devices.rom.hardware import MtdRom
from devices.smmuv3.driver import Smmuv3Driver
from devices.smmuv3.hardware import Smmuv3
from devices.sp805.hardware import Sp805
from devices.syscon.hardware import Syscon
from devices.syscon.power import SysconPoweroff, SysconReboot
from soc.device import Model
from soc.kernel.device import Driver
from soc.registers import RegisterTable

MODELS: tuple[type[Model], ...] = (
    Camera,
    FixedClock,
    Gic400,
    Gicv3,
    GpioPoweroff,
    GpioRestart,
    Lcdif,
    MtdRom,
    Pl011,
    Pl031,
    Pl061,
    Pl330,
    Smmuv3,
    Sp805,
    Syscon,
    SysconPoweroff,
    SysconReboot,
)
DRIVERS: tuple[type[Driver], ...] = (
    Gic400Driver,
    Pl011Console,
    Smmuv3Driver,
    Pl330Driver,
    CameraDriver,
    LcdifDriver,
)


def models() -> dict[str, type[Model]]:
    """Hardware models by compatible string."""
    return {compatible: model for model in MODELS for compatible in model.compatible}


def drivers_by_compatible() -> dict[str, str]:
    """Driver names by compatible string."""
    return {compatible: driver.name for driver in DRIVERS for compatible in driver.of_match}


def tables() -> tuple[RegisterTable, ...]:
    """Every register table, in the order of the models."""
    return tuple(table for model in MODELS for table in model.tables)
