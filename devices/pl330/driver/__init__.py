"""The DMA-330's driver: a dmaengine controller."""

from devices.pl330.driver.driver import Pl330Driver

__all__ = ["Pl330Driver"]
