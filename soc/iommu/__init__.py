"""The IOMMU between DMA masters and the bus."""
