"""C declarations of the user ABI: the compiler's own headers, and by hand what no public header has any more.

What is written by hand (ION, sw_sync, ion-test, dmabuf-test) is in plain C types, so that padding, sizes and
numbers are the compiler's opinion and not ours.
"""

from __future__ import annotations

HEADERS = """
#include <stddef.h>
#include <linux/fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/memfd.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>
#include <drm/drm.h>
"""

SW_SYNC = """
struct sw_sync_create_fence_data { unsigned int value; char name[32]; int fence; };
struct sw_sync_get_deadline { unsigned long long deadline_ns; unsigned int pad; int fence_fd; };
#define SW_SYNC_IOC_MAGIC 'W'
#define SW_SYNC_IOC_CREATE_FENCE _IOWR('W', 0, struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC _IOW('W', 1, unsigned int)
#define SW_SYNC_GET_DEADLINE _IOWR('W', 2, struct sw_sync_get_deadline)
"""

TEST_DRIVERS = """
struct ion_test_rw_data {
    unsigned long long ptr, offset, size;
    int write, __padding;
};
#define ION_IOC_TEST_SET_FD _IO('I', 0xf0)
#define ION_IOC_TEST_DMA_MAPPING _IOW('I', 0xf1, struct ion_test_rw_data)
#define ION_IOC_TEST_KERNEL_MAPPING _IOW('I', 0xf2, struct ion_test_rw_data)
struct dmabuf_test_rw_data {
    unsigned long long ptr, offset, size;
    int write, fd;
};
#define DMABUF_IOC_MAGIC 'D'
#define DMABUF_IOC_TEST_GET_FD_FROM_KERNEL _IOR('D', 0xf0, struct dmabuf_test_rw_data)
#define DMABUF_IOC_TEST_GET_FD_FROM_USER _IOW('D', 0xf1, struct dmabuf_test_rw_data)
"""

ION_4_9 = """
#define ION_IOC_MAGIC 'I'
enum {
    ION_HEAP_TYPE_SYSTEM, ION_HEAP_TYPE_SYSTEM_CONTIG, ION_HEAP_TYPE_CARVEOUT,
    ION_HEAP_TYPE_CHUNK, ION_HEAP_TYPE_DMA, ION_HEAP_TYPE_CUSTOM
};
enum { ION_NUM_HEAP_IDS = 8 * sizeof(unsigned int), MAX_HEAP_NAME = 32 };
enum { ION_HEAP_SYSTEM_MASK = 1, ION_HEAP_SYSTEM_CONTIG_MASK = 2, ION_HEAP_CARVEOUT_MASK = 4 };
enum { ION_HEAP_TYPE_DMA_MASK = 16, ION_FLAG_CACHED = 1, ION_FLAG_CACHED_NEEDS_SYNC = 2 };
struct ion_allocation_data { size_t len, align; unsigned int heap_id_mask, flags; int handle; };
struct ion_fd_data { int handle, fd; };
struct ion_handle_data { int handle; };
struct ion_custom_data { unsigned int cmd; unsigned long arg; };
struct ion_heap_data { char name[32]; unsigned int type, heap_id, reserved0, reserved1, reserved2; };
struct ion_heap_query {
    unsigned int cnt, reserved0;
    unsigned long long heaps;
    unsigned int reserved1, reserved2;
};
#define ION_IOC_ALLOC _IOWR('I', 0, struct ion_allocation_data)
#define ION_IOC_FREE _IOWR('I', 1, struct ion_handle_data)
#define ION_IOC_MAP _IOWR('I', 2, struct ion_fd_data)
#define ION_IOC_SHARE _IOWR('I', 4, struct ion_fd_data)
#define ION_IOC_IMPORT _IOWR('I', 5, struct ion_fd_data)
#define ION_IOC_CUSTOM _IOWR('I', 6, struct ion_custom_data)
#define ION_IOC_SYNC _IOWR('I', 7, struct ion_fd_data)
#define ION_IOC_HEAP_QUERY _IOWR('I', 8, struct ion_heap_query)
"""

ION_COMPAT = """
#define compat_ion_allocation_data ion_allocation_data
#define compat_ion_handle_data ion_handle_data
#define compat_ion_custom_data ion_custom_data
#define COMPAT_ION_IOC_ALLOC ION_IOC_ALLOC
#define COMPAT_ION_IOC_FREE ION_IOC_FREE
#define COMPAT_ION_IOC_CUSTOM ION_IOC_CUSTOM
"""
"""The kernel's names for what a 32-bit compiler makes of ION_4_9."""

ION_4_12 = """
#undef ION_IOC_ALLOC
#define ion_allocation_data ion_allocation_data_of_4_12
struct ion_allocation_data { unsigned long long len; unsigned int heap_id_mask, flags, fd, unused; };
#define ION_IOC_ALLOC _IOWR('I', 0, struct ion_allocation_data)
#define ION_IOC_ABI_VERSION _IOR('I', 9, unsigned int)
"""
"""From here on a file speaks of the newer ION: it has the older one's names for other things."""
