"""What a picture in memory looks like, for the software and the hardware on both ends of a buffer."""

from __future__ import annotations

from dataclasses import dataclass

from soc.address import page_align

BYTES_PER_PIXEL = {"XRGB8888": 4, "RGB565": 2, "NV12": 1}
"""Of the first plane, by fourcc: every format there is."""


@dataclass(frozen=True)
class PictureFormat:
    """`width` x `height` pixels of `fourcc` (XRGB8888, RGB565 or NV12), lines without padding."""

    width: int
    height: int
    fourcc: str

    @property
    def stride(self) -> int:
        """Bytes from line to line of the first plane."""
        return self.width * BYTES_PER_PIXEL[self.fourcc]

    @property
    def chroma_offset(self) -> int:
        """Where the CbCr plane of NV12 starts."""
        return self.stride * self.height

    @property
    def size(self) -> int:
        """Bytes of the picture."""
        whole = self.stride * self.height
        return whole * 3 // 2 if self.fourcc == "NV12" else whole

    @property
    def buffer_size(self) -> int:
        """Bytes of a buffer for it: whole pages."""
        return page_align(self.size)

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.fourcc}"
