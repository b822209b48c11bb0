"""Buffers that share a cache line with their neighbours in a kmalloc cache.

Where a device is not coherent and writes, such a buffer has to bounce: the
invalidation would lose what the CPU wrote next to it. The kernel judges by the
size alone: what kmalloc would have made of it.
Source: dma_kmalloc_needs_bounce (include/linux/dma-map-ops.h), CONFIG_DMA_BOUNCE_UNALIGNED_KMALLOC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soc.kernel.scatterlist import DmaDirection, Ints

if TYPE_CHECKING:
    from soc.kernel.device import Device

CACHE_LINE = 64
ALWAYS_SAFE = 256
"""Twice ARCH_DMA_MINALIGN: from here on the caches of kmalloc are aligned well enough."""
CACHES = np.array([0, 8, 16, 32, 64, 96, 128, 192, 256])


def kmalloc_needs_bounce(device: Device, lengths: Ints, direction: DmaDirection) -> NDArray[np.bool_]:
    """Which of buffers of `lengths` bytes have to bounce, shape (n,)."""
    if device.dma_coherent or direction is DmaDirection.TO_DEVICE:
        return np.zeros(lengths.shape, dtype=bool)
    size = CACHES[np.searchsorted(CACHES, np.minimum(lengths, ALWAYS_SAFE))]
    shares: NDArray[np.bool_] = (lengths < ALWAYS_SAFE) & (size % CACHE_LINE != 0)
    return shares
