"""What the device tree says of a device's DMA."""
