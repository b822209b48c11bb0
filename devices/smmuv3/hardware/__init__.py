"""The SMMU itself: its queues, its configuration and translation, its stalls and interrupts."""

from devices.smmuv3.hardware.device import FaultReport, Smmuv3

__all__ = ["FaultReport", "Smmuv3"]
