"""Which ION this is, and the switches of one kernel's ION.

    4.9     clients and handles; one shared table per buffer; nothing is mapped for a device
    4.12    an allocation is a dma-buf fd; a table per attachment, mapped with the DMA API

Android's kernels go on with the second until ION left Linux in 5.11.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore


class IonAbi(Enum):
    """What /dev/ion understands, and how its buffers behave as dma-bufs."""

    V4_9 = "4.9"
    V4_12 = "4.12"


class IonConfig:
    """How the kernel is built; to be set before the ION device is made.

    `user_ref_count`: user space has counts of its own on handles and cannot drop references of
    the kernel, as Android's kernels have it; mainline 4.9 has not.
    `size_lands_in_base`: the bug of mainline 4.9, which stores the size of an ion-region where
    its base belongs.
    """

    def __init__(self, kernel: KernelCore) -> None:
        self.abi = IonAbi.V4_9
        self.user_ref_count = False
        self.size_lands_in_base = False
