"""The DMA-330 itself: threads, instruction fetch, MFIFO, the data path."""

from devices.pl330.hardware.device import Pl330, Straps

__all__ = ["Pl330", "Straps"]
