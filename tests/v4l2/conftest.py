"""The bench of the cards, with its camera as importer."""

from tests.drm.conftest import bench

__all__ = ["bench"]
