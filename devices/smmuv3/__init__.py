"""SMMUv3, the system MMU in front of the DMA masters."""
