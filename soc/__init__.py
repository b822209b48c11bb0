"""dmabuf-soc: a full-system SoC model that proves zero-copy buffer sharing."""

__version__ = "0.1.0"
