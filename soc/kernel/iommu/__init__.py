"""The IOMMU core of the kernel: domains, groups, IOVA space."""
