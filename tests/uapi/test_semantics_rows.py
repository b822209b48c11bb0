"""The tables of SEMANTICS.md row by row: numbers, sizes and offsets written out by hand."""

from __future__ import annotations

import ctypes

import pytest

from soc.kernel.uapi import (
    dma_buf,
    dma_heap,
    drm,
    ion,
    ion_4_12,
    ion_compat,
    ion_test,
    memfd,
    sw_sync,
    sync_file,
    udmabuf,
)
from soc.kernel.uapi.catalogue import named
from soc.kernel.uapi.layout import describe_layout

NUMBERS = {
    "1.6": {
        "DMA_BUF_IOCTL_SYNC": 0x40086200,
        "DMA_BUF_SET_NAME": 0x40086201,
        "DMA_BUF_SET_NAME_A": 0x40046201,
        "DMA_BUF_SET_NAME_B": 0x40086201,
        "DMA_BUF_IOCTL_EXPORT_SYNC_FILE": 0xC0086202,
        "DMA_BUF_IOCTL_IMPORT_SYNC_FILE": 0x40086203,
    },
    "2.3": {
        "SYNC_IOC_MERGE": 0xC0303E03,
        "SYNC_IOC_FILE_INFO": 0xC0383E04,
        "SYNC_IOC_SET_DEADLINE": 0x40103E05,
        "SW_SYNC_IOC_CREATE_FENCE": 0xC0285700,
        "SW_SYNC_IOC_INC": 0x40045701,
        "SW_SYNC_GET_DEADLINE": 0xC0105702,
    },
    "3.2": {
        "ION_IOC_ALLOC": 0xC0204900,
        "ION_IOC_FREE": 0xC0044901,
        "ION_IOC_MAP": 0xC0084902,
        "ION_IOC_SHARE": 0xC0084904,
        "ION_IOC_IMPORT": 0xC0084905,
        "ION_IOC_CUSTOM": 0xC0104906,
        "ION_IOC_SYNC": 0xC0084907,
        "ION_IOC_HEAP_QUERY": 0xC0184908,
        "ION_IOC_ALLOC (4.12)": 0xC0184900,
        "ION_IOC_ABI_VERSION": 0x80044909,
        "COMPAT_ION_IOC_ALLOC": 0xC0144900,
        "COMPAT_ION_IOC_FREE": 0xC0044901,
        "COMPAT_ION_IOC_CUSTOM": 0xC0084906,
        "ION_IOC_TEST_SET_FD": 0x49F0,
        "ION_IOC_TEST_DMA_MAPPING": 0x402049F1,
        "ION_IOC_TEST_KERNEL_MAPPING": 0x402049F2,
    },
    "4.1": {"DMA_HEAP_IOCTL_ALLOC": 0xC0184800},
    "4.4": {"UDMABUF_CREATE": 0x40187542, "UDMABUF_CREATE_LIST": 0x40087543},
    "7.1": {
        "DRM_IOCTL_GEM_CLOSE": 0x40086409,
        "DRM_IOCTL_GET_CAP": 0xC010640C,
        "DRM_IOCTL_PRIME_HANDLE_TO_FD": 0xC00C642D,
        "DRM_IOCTL_PRIME_FD_TO_HANDLE": 0xC00C642E,
        "DRM_IOCTL_MODE_CREATE_DUMB": 0xC02064B2,
        "DRM_IOCTL_MODE_DESTROY_DUMB": 0xC00464B4,
    },
}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        pytest.param(name, number, id=f"{section} {name}")
        for section, rows in NUMBERS.items()
        for name, number in rows.items()
    ],
)
def test_the_ioctl_has_its_row_s_number(name: str, number: int) -> None:
    assert named(name).number == number


RW_DATA = "32 bytes: ptr u64@0, offset u64@8, size u64@16, write s32@24, padding s32@28"
LAYOUTS = [
    (dma_buf.DmaBufSync, "8 bytes: flags u64@0"),
    (dma_buf.DmaBufExportSyncFile, "8 bytes: flags u32@0, fd s32@4"),
    (dma_buf.DmaBufImportSyncFile, "8 bytes: flags u32@0, fd s32@4"),
    (
        sync_file.SyncMergeData,
        "48 bytes: name char[32]@0, fd2 s32@32, fence s32@36, flags u32@40, pad u32@44",
    ),
    (
        sync_file.SyncFileInfo,
        "56 bytes: name char[32]@0, status s32@32, flags u32@36, num_fences u32@40, pad u32@44, "
        "sync_fence_info u64@48",
    ),
    (
        sync_file.SyncFenceInfo,
        "80 bytes: obj_name char[32]@0, driver_name char[32]@32, status s32@64, flags u32@68, "
        "timestamp_ns u64@72",
    ),
    (sync_file.SyncSetDeadline, "16 bytes: deadline_ns u64@0, pad u64@8"),
    (sw_sync.SwSyncCreateFenceData, "40 bytes: value u32@0, name char[32]@4, fence s32@36"),
    (sw_sync.SwSyncGetDeadline, "16 bytes: deadline_ns u64@0, pad u32@8, fence_fd s32@12"),
    (
        ion.IonAllocationData,
        "32 bytes: len u64@0, align u64@8, heap_id_mask u32@16, flags u32@20, handle s32@24",
    ),
    (ion.IonHandleData, "4 bytes: handle s32@0"),
    (ion.IonFdData, "8 bytes: handle s32@0, fd s32@4"),
    (ion.IonCustomData, "16 bytes: cmd u32@0, arg u64@8"),
    (
        ion.IonHeapQuery,
        "24 bytes: cnt u32@0, reserved0 u32@4, heaps u64@8, reserved1 u32@16, reserved2 u32@20",
    ),
    (
        ion.IonHeapData,
        "52 bytes: name char[32]@0, type u32@32, heap_id u32@36, reserved0 u32@40, reserved1 u32@44, "
        "reserved2 u32@48",
    ),
    (
        ion_4_12.IonAllocationData,
        "24 bytes: len u64@0, heap_id_mask u32@8, flags u32@12, fd u32@16, unused u32@20",
    ),
    (
        ion_compat.CompatIonAllocationData,
        "20 bytes: len u32@0, align u32@4, heap_id_mask u32@8, flags u32@12, handle s32@16",
    ),
    (ion_compat.CompatIonHandleData, "4 bytes: handle s32@0"),
    (ion_compat.CompatIonCustomData, "8 bytes: cmd u32@0, arg u32@4"),
    (ion_test.IonTestRwData, RW_DATA),
    (
        dma_heap.DmaHeapAllocationData,
        "24 bytes: len u64@0, fd u32@8, fd_flags u32@12, heap_flags u64@16",
    ),
    (udmabuf.UdmabufCreate, "24 bytes: memfd u32@0, flags u32@4, offset u64@8, size u64@16"),
    (udmabuf.UdmabufCreateItem, "24 bytes: memfd u32@0, pad u32@4, offset u64@8, size u64@16"),
    (
        udmabuf.UdmabufCreateList,
        "8 bytes: flags u32@0, count u32@4, list struct udmabuf_create_item[0]@8",
    ),
    (drm.DrmPrimeHandle, "12 bytes: handle u32@0, flags u32@4, fd s32@8"),
    (drm.DrmGemClose, "8 bytes: handle u32@0, pad u32@4"),
    (drm.DrmGetCap, "16 bytes: capability u64@0, value u64@8"),
    (
        drm.DrmModeCreateDumb,
        "32 bytes: height u32@0, width u32@4, bpp u32@8, flags u32@12, handle u32@16, pitch u32@20, "
        "size u64@24",
    ),
    (drm.DrmModeDestroyDumb, "4 bytes: handle u32@0"),
]


@pytest.mark.parametrize(
    ("structure", "layout"),
    [
        pytest.param(structure, layout, id=f"{structure.__module__.rpartition('.')[2]} {structure.__name__}")
        for structure, layout in LAYOUTS
    ],
)
def test_the_structure_lies_as_its_row_says(structure: type[ctypes.Structure], layout: str) -> None:
    assert describe_layout(structure) == layout


def test_1_6_sync_flags() -> None:
    assert (dma_buf.DMA_BUF_SYNC_READ, dma_buf.DMA_BUF_SYNC_WRITE, dma_buf.DMA_BUF_SYNC_RW) == (1, 2, 3)
    assert (dma_buf.DMA_BUF_SYNC_START, dma_buf.DMA_BUF_SYNC_END) == (0, 4)
    assert dma_buf.DMA_BUF_SYNC_VALID_FLAGS_MASK == 7
    assert dma_buf.DMA_BUF_NAME_LEN == 32


def test_3_1_and_3_2_heap_types_masks_and_flags() -> None:
    types = [
        value for name, value in vars(ion).items() if name.startswith("ION_HEAP_TYPE_") and "MASK" not in name
    ]
    assert types == [0, 1, 2, 3, 4, 5]
    assert (ion.ION_HEAP_TYPE_SYSTEM, ion.ION_HEAP_TYPE_SYSTEM_CONTIG, ion.ION_HEAP_TYPE_CARVEOUT) == (
        0,
        1,
        2,
    )
    assert (ion.ION_HEAP_TYPE_CHUNK, ion.ION_HEAP_TYPE_DMA, ion.ION_HEAP_TYPE_CUSTOM) == (3, 4, 5)
    assert (ion.ION_HEAP_SYSTEM_MASK, ion.ION_HEAP_SYSTEM_CONTIG_MASK) == (1, 2)
    assert (ion.ION_HEAP_CARVEOUT_MASK, ion.ION_HEAP_TYPE_DMA_MASK) == (4, 16)
    assert (ion.ION_FLAG_CACHED, ion.ION_FLAG_CACHED_NEEDS_SYNC) == (1, 2)
    assert ion.ION_NUM_HEAP_IDS == 32


def test_4_1_valid_flags_are_o_cloexec_and_o_accmode() -> None:
    assert dma_heap.DMA_HEAP_VALID_FD_FLAGS == 0x80003
    assert dma_heap.DMA_HEAP_VALID_HEAP_FLAGS == 0


def test_4_4_udmabuf_flags_and_the_seals_it_looks_for() -> None:
    assert udmabuf.UDMABUF_FLAGS_CLOEXEC == 1
    assert (memfd.MFD_CLOEXEC, memfd.MFD_ALLOW_SEALING) == (1, 2)
    assert (memfd.F_ADD_SEALS, memfd.F_GET_SEALS) == (1033, 1034)
    assert (memfd.F_SEAL_SHRINK, memfd.F_SEAL_WRITE, memfd.F_SEAL_FUTURE_WRITE) == (2, 8, 16)
