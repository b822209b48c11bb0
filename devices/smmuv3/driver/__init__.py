"""The SMMU's driver: bring-up, tables, command queue, domains, events."""

from devices.smmuv3.driver.driver import Smmuv3Driver

__all__ = ["Smmuv3Driver"]
