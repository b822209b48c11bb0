"""The driver of the HiKey board's ION: `hisilicon,hi6220-ion`, whose ids are not its heaps' types.

Source: drivers/staging/android/ion/hisilicon/hi6220_ion.c (4.9).
"""

from __future__ import annotations

from heaps.ion.driver import IonPlatformDriver
from heaps.ion.platform import IonOfHeap
from soc.kernel.uapi.ion import ION_HEAP_TYPE_DMA, ION_HEAP_TYPE_SYSTEM, ION_HEAP_TYPE_SYSTEM_CONTIG


class Hi6220IonDriver(IonPlatformDriver):
    """`ion-hi6220`."""

    name = "ion-hi6220"
    of_match = ("hisilicon,hi6220-ion",)
    table = (
        IonOfHeap("hisilicon,sys_user", 0, ION_HEAP_TYPE_SYSTEM, "sys_user"),
        IonOfHeap("hisilicon,sys_contig", 1, ION_HEAP_TYPE_SYSTEM_CONTIG, "sys_contig"),
        IonOfHeap("hisilicon,cma", ION_HEAP_TYPE_DMA, ION_HEAP_TYPE_DMA, "cma"),
    )
