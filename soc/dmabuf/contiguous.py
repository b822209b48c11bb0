"""Importers without scatter-gather: how much of a mapped buffer lies in one run of a device's addresses.

Segments that follow each other count as one, whatever the limits that split them: behind the
SMMU a buffer is one run of IOVAs even if the device takes segments of 64 KiB only.
Source: drm_prime_get_contiguous_size (drm_prime.c), vb2_dc_get_contiguous_size
(videobuf2-dma-contig.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from soc.kernel.scatterlist import SgTable

if TYPE_CHECKING:
    from soc.kernel.device import Device


def contiguous_size(sgt: SgTable) -> int:
    """Bytes of the table from its first DMA address on to the first gap; 0 if it is not mapped."""
    ends = sgt.dma_address + sgt.dma_length
    gaps = np.flatnonzero(ends[:-1] != sgt.dma_address[1:])
    return int(sgt.dma_length[: gaps[0] + 1].sum() if len(gaps) else sgt.dma_length.sum())


def why_scattered(device: Device, sgt: SgTable) -> str:
    """For people: why `device` does not see the table in one run, and who could change that."""
    runs = 1 + int((sgt.dma_address[:-1] + sgt.dma_length[:-1] != sgt.dma_address[1:]).sum())
    seen = f"{device.name} sees {sgt.size} bytes in {runs} runs, {contiguous_size(sgt)} bytes in the first"
    if not device.behind_iommu:
        return f"{seen}: its pages are scattered, and no IOMMU puts them side by side"
    if sgt.entrywise:
        return f"{seen}: the entries bounce or are no whole granules, so each is mapped on its own"
    return f"{seen}: its segments end at every multiple of {device.segment_boundary + 1:#x}"
