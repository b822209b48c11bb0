"""Which IPs exist: hardware models for boards. Their drivers in the kernel model are in `drivers`."""

from __future__ import annotations

from devices.camera.hardware import Camera
from devices.fixed_clock.hardware import FixedClock
from devices.gic400.hardware import Gic400
from devices.gicv3.hardware import Gicv3
from devices.gpio_poweroff.hardware import GpioPoweroff, GpioRestart
from devices.lcdif.hardware import Lcdif
from devices.pl011.hardware import Pl011
from devices.pl031.hardware import Pl031
from devices.pl061.hardware import Pl061
from devices.pl330.hardware import Pl330
from devices.rom.hardware import MtdRom
from devices.smmuv3.hardware import Smmuv3
from devices.sp805.hardware import Sp805
from devices.syscon.hardware import Syscon
from devices.syscon.power import SysconPoweroff, SysconReboot
from soc.device import Model
from soc.guest import CORE_MODELS
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


def models() -> dict[str, type[Model]]:
    """Hardware models by compatible string."""
    return {compatible: model for model in MODELS for compatible in model.compatible}


def model_names() -> dict[str, str]:
    """What models each compatible string, the parts of the core included."""
    return CORE_MODELS | {compatible: model.__name__ for compatible, model in models().items()}


def tables() -> tuple[RegisterTable, ...]:
    """Every register table, in the order of the models."""
    return tuple(table for model in MODELS for table in model.tables)
