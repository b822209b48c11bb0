"""The GICv3 itself: distributor, redistributor and CPU interface."""

from devices.gicv3.hardware.device import Gicv3

__all__ = ["Gicv3"]
