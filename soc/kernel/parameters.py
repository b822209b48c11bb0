"""The kernel's command line: the parameters this model knows.

A board gives them in /chosen/bootargs, as it would to Linux; what is not known
is left to others, as Linux does. Source: Documentation/admin-guide/kernel-parameters.txt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from soc.devicetree.node import Node
from soc.errors import BadInput, Where

SwiotlbMode = Literal["auto", "force", "noforce"]

DEFAULT_SLOTS = (64 << 20) // 2048
MOST = 1 << 20
"""Slots, 2 GiB of them, and entries of the checks."""
DIGITS = 9
BOOLEANS = {"0": False, "1": True}


@dataclass(frozen=True)
class Parameters:
    """`iommu_strict` invalidate at unmap, else batch (iommu.strict); `iommu_passthrough` identity
    domains (iommu.passthrough); `swiotlb_slots` of 2 KiB and `swiotlb` whether all, some or no
    mappings bounce (swiotlb=slots[,force|noforce]); `dma_debug` the checks of the DMA API
    (dma_debug=off), of `dma_debug_entries` mappings at most (dma_debug_entries=).
    """

    iommu_strict: bool = True
    iommu_passthrough: bool = False
    swiotlb_slots: int = DEFAULT_SLOTS
    swiotlb: SwiotlbMode = "auto"
    dma_debug: bool = True
    dma_debug_entries: int = 65536

    @classmethod
    def of_chosen(cls, chosen: Node | None) -> Parameters:
        """From /chosen/bootargs. BadInput, at its line, for a value that Linux would not take."""
        prop = chosen.properties.get("bootargs") if chosen else None
        if chosen is None or prop is None:
            return cls()
        return cls.parse(" ".join(chosen.strings("bootargs")), prop.where)

    @classmethod
    def parse(cls, arguments: str, where: Where | None = None) -> Parameters:
        """From the words of a command line; the last of several wins."""
        found: dict[str, bool | int | str] = {}
        for word in arguments.split():
            name, _, value = word.partition("=")
            match name:
                case "iommu.strict" | "iommu.passthrough":
                    found[name.replace(".", "_")] = _boolean(name, value, where)
                case "swiotlb":
                    found.update(_swiotlb(value, where))
                case "dma_debug":
                    found[name] = value != "off"
                case "dma_debug_entries":
                    found[name] = _number(name, value, where)
        return cls(**found)  # type: ignore[arg-type]


def _boolean(name: str, value: str, where: Where | None) -> bool:
    if value not in BOOLEANS:
        raise BadInput(f"bootargs: {name} must be 0 or 1, not {value!r}", where)
    return BOOLEANS[value]


def _number(name: str, value: str, where: Where | None) -> int:
    if not (value.isdecimal() and len(value) <= DIGITS and 0 < int(value) <= MOST):
        raise BadInput(f"bootargs: {name} must be a number from 1 to {MOST}, not {value!r}", where)
    return int(value)


def _swiotlb(value: str, where: Where | None) -> dict[str, bool | int | str]:
    found: dict[str, bool | int | str] = {}
    for part in value.split(","):
        if part in ("force", "noforce"):
            found["swiotlb"] = part
        else:
            found["swiotlb_slots"] = _number("swiotlb", part, where)
    return found
