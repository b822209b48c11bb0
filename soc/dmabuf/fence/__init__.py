"""dma_fence: when a device is done with a buffer. `fence.py` says which file has which call."""

from soc.dmabuf.fence.array import DmaFenceArray, dma_fence_array_create, dma_fence_match_context
from soc.dmabuf.fence.chain import (
    DmaFenceChain,
    dma_fence_chain_find_seqno,
    dma_fence_chain_for_each,
    dma_fence_chain_init,
)
from soc.dmabuf.fence.contexts import Fences, dma_fence_context_alloc
from soc.dmabuf.fence.fence import DmaFence, DmaFenceCb
from soc.dmabuf.fence.lifetime import dma_fence_get, dma_fence_put
from soc.dmabuf.fence.signal import (
    dma_fence_add_callback,
    dma_fence_check_and_signal,
    dma_fence_enable_sw_signaling,
    dma_fence_remove_callback,
    dma_fence_set_error,
    dma_fence_signal,
    dma_fence_signal_timestamp,
)
from soc.dmabuf.fence.signalling import dma_fence_begin_signalling, dma_fence_end_signalling, signalling
from soc.dmabuf.fence.status import (
    dma_fence_describe,
    dma_fence_get_status,
    dma_fence_is_later,
    dma_fence_is_later_or_same,
    dma_fence_is_signaled,
    dma_fence_later,
    dma_fence_set_deadline,
)
from soc.dmabuf.fence.stub import dma_fence_allocate_private_stub, dma_fence_get_stub
from soc.dmabuf.fence.unwrap import dma_fence_unwrap, dma_fence_unwrap_merge
from soc.dmabuf.fence.wait import dma_fence_wait, dma_fence_wait_any_timeout, dma_fence_wait_timeout
from soc.dmabuf.fence.watchdog import FenceWatchdog

__all__ = [
    "DmaFence",
    "DmaFenceArray",
    "DmaFenceCb",
    "DmaFenceChain",
    "FenceWatchdog",
    "Fences",
    "dma_fence_add_callback",
    "dma_fence_allocate_private_stub",
    "dma_fence_array_create",
    "dma_fence_begin_signalling",
    "dma_fence_chain_find_seqno",
    "dma_fence_chain_for_each",
    "dma_fence_chain_init",
    "dma_fence_check_and_signal",
    "dma_fence_context_alloc",
    "dma_fence_describe",
    "dma_fence_enable_sw_signaling",
    "dma_fence_end_signalling",
    "dma_fence_get",
    "dma_fence_get_status",
    "dma_fence_get_stub",
    "dma_fence_is_later",
    "dma_fence_is_later_or_same",
    "dma_fence_is_signaled",
    "dma_fence_later",
    "dma_fence_match_context",
    "dma_fence_put",
    "dma_fence_remove_callback",
    "dma_fence_set_deadline",
    "dma_fence_set_error",
    "dma_fence_signal",
    "dma_fence_signal_timestamp",
    "dma_fence_unwrap",
    "dma_fence_unwrap_merge",
    "dma_fence_wait",
    "dma_fence_wait_any_timeout",
    "dma_fence_wait_timeout",
    "signalling",
]
