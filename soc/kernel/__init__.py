"""The modelled kernel: files, tasks, the driver core and the DMA API."""
