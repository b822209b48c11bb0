"""Whether the core has the pages a kernel is built for. Source: Arm ARM DDI 0487, ID_AA64MMFR0_EL1."""

from __future__ import annotations

from soc.address import human_size
from soc.boot.images import LinuxImage
from soc.errors import BadInput

ID_AA64MMFR0_EL1 = (3, 0, 0, 7, 0)

GRANULES = {4096: (28, 0xF), 16384: (20, 0x0), 65536: (24, 0xF)}
"""By page size: the field of ID_AA64MMFR0_EL1 (TGran4, TGran16, TGran64) and what there means "none"."""


def check_pages(image: LinuxImage, features: int) -> None:
    """BadInput if a core with these `features` (ID_AA64MMFR0_EL1) cannot run the kernel."""
    size = image.header.page_size
    if size is None or size in (has := page_sizes(features)):
        return
    raise BadInput(
        f"{image.name}: a kernel for pages of {human_size(size)}, and the core has only "
        f"{' and '.join(map(human_size, has))}: give one that is built for those"
    )


def page_sizes(features: int) -> list[int]:
    """In bytes, the smallest first."""
    return [size for size, (shift, none) in GRANULES.items() if features >> shift & 0xF != none]
