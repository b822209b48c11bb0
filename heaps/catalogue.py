"""Which heaps the kernel model is built with: platform drivers, and modules that need no device."""

from __future__ import annotations

from heaps.cma.dma_heap import add_cma_heaps
from heaps.ion.hi6220 import Hi6220IonDriver
from heaps.ion.vexpress import VexpressIonDriver
from heaps.negotiated.dma_heap import negotiated_heap_create
from heaps.protected.driver import OpteeDriver
from heaps.system.dma_heap import system_heap_create
from heaps.udmabuf.device import udmabuf_init
from soc.dmabuf.bufinfo import dma_buf_init
from soc.dmabuf.sync import sync_debugfs_init
from soc.kernel.device import Driver
from soc.kernel.kernel import Module

DRIVERS: tuple[type[Driver], ...] = (VexpressIonDriver, Hi6220IonDriver, OpteeDriver)
MODULES: tuple[Module, ...] = (
    dma_buf_init,
    sync_debugfs_init,
    system_heap_create,
    add_cma_heaps,
    negotiated_heap_create,
    udmabuf_init,
)
"""Loaded on every board, in this order. For those who want them: `heaps.ion.dummy.ion_dummy_init` on boards
without an ION node, `heaps.ion.ion_test.ion_test_init` for /dev/ion-test,
`heaps.system_uncached.dma_heap.system_uncached_heap_create` of Android."""


def drivers_by_compatible() -> dict[str, str]:
    """Names of the platform drivers by compatible string."""
    return {compatible: driver.name for driver in DRIVERS for compatible in driver.of_match}
