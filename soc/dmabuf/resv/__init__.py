"""dma_resv: the fences of a buffer. `resv.py` says which file has which call."""

from soc.dmabuf.resv.query import (
    dma_resv_describe,
    dma_resv_fences,
    dma_resv_get_fences,
    dma_resv_get_singleton,
    dma_resv_set_deadline,
    dma_resv_test_signaled,
    dma_resv_wait_timeout,
)
from soc.dmabuf.resv.resv import DmaResv, dma_resv_acquire_ctx, dma_resv_fini
from soc.dmabuf.resv.update import (
    dma_resv_add_fence,
    dma_resv_copy_fences,
    dma_resv_replace_fences,
    dma_resv_reserve_fences,
)
from soc.dmabuf.resv.usage import DmaResvUsage, dma_resv_usage_rw

__all__ = [
    "DmaResv",
    "DmaResvUsage",
    "dma_resv_acquire_ctx",
    "dma_resv_add_fence",
    "dma_resv_copy_fences",
    "dma_resv_describe",
    "dma_resv_fences",
    "dma_resv_fini",
    "dma_resv_get_fences",
    "dma_resv_get_singleton",
    "dma_resv_replace_fences",
    "dma_resv_reserve_fences",
    "dma_resv_set_deadline",
    "dma_resv_test_signaled",
    "dma_resv_usage_rw",
    "dma_resv_wait_timeout",
]
