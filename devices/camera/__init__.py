"""The camera: a sensor with a DMA engine, an IP of this project."""
