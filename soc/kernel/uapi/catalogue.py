"""Every ioctl of the user ABI, by number and by name.

describe(0x40086200)    -> "DMA_BUF_IOCTL_SYNC"
describe(0xC0304800)    -> "0xc0304800 (_IOWR('H', 0, 48 bytes), a variant of DMA_HEAP_IOCTL_ALLOC)"
lookup(0xC0184800)      -> Ioctl(name="DMA_HEAP_IOCTL_ALLOC", argument=DmaHeapAllocationData, ...), or None
named("ION_IOC_FREE")   -> Ioctl(name="ION_IOC_FREE", number=0xC0044901, argument=IonHandleData)
"""

from __future__ import annotations

from ctypes import c_uint32
from dataclasses import dataclass

from soc.kernel.uapi import (
    dma_buf,
    dma_heap,
    dmabuf_test,
    drm,
    ion,
    ion_4_12,
    ion_compat,
    ion_test,
    sw_sync,
    sync_file,
    udmabuf,
)
from soc.kernel.uapi.ioctl import _IOC_DIR, _IOC_NR, _IOC_SIZE, _IOC_TYPE, Argument
from soc.kernel.uapi.layout import describe_layout, type_name

MACROS = ("_IO", "_IOW", "_IOR", "_IOWR")
"""By direction."""


@dataclass(frozen=True)
class Ioctl:
    """One ioctl; `argument` None if it has none in memory, or a string of no fixed size."""

    name: str
    number: int
    argument: Argument | None


IOCTLS = (
    Ioctl("DMA_BUF_IOCTL_SYNC", dma_buf.DMA_BUF_IOCTL_SYNC, dma_buf.DmaBufSync),
    Ioctl("DMA_BUF_SET_NAME", dma_buf.DMA_BUF_SET_NAME, None),
    Ioctl("DMA_BUF_SET_NAME_A", dma_buf.DMA_BUF_SET_NAME_A, None),
    Ioctl("DMA_BUF_SET_NAME_B", dma_buf.DMA_BUF_SET_NAME_B, None),
    Ioctl(
        "DMA_BUF_IOCTL_EXPORT_SYNC_FILE", dma_buf.DMA_BUF_IOCTL_EXPORT_SYNC_FILE, dma_buf.DmaBufExportSyncFile
    ),
    Ioctl(
        "DMA_BUF_IOCTL_IMPORT_SYNC_FILE", dma_buf.DMA_BUF_IOCTL_IMPORT_SYNC_FILE, dma_buf.DmaBufImportSyncFile
    ),
    Ioctl("DMA_HEAP_IOCTL_ALLOC", dma_heap.DMA_HEAP_IOCTL_ALLOC, dma_heap.DmaHeapAllocationData),
    Ioctl("SYNC_IOC_MERGE", sync_file.SYNC_IOC_MERGE, sync_file.SyncMergeData),
    Ioctl("SYNC_IOC_FILE_INFO", sync_file.SYNC_IOC_FILE_INFO, sync_file.SyncFileInfo),
    Ioctl("SYNC_IOC_SET_DEADLINE", sync_file.SYNC_IOC_SET_DEADLINE, sync_file.SyncSetDeadline),
    Ioctl("SW_SYNC_IOC_CREATE_FENCE", sw_sync.SW_SYNC_IOC_CREATE_FENCE, sw_sync.SwSyncCreateFenceData),
    Ioctl("SW_SYNC_IOC_INC", sw_sync.SW_SYNC_IOC_INC, c_uint32),
    Ioctl("SW_SYNC_GET_DEADLINE", sw_sync.SW_SYNC_GET_DEADLINE, sw_sync.SwSyncGetDeadline),
    Ioctl("UDMABUF_CREATE", udmabuf.UDMABUF_CREATE, udmabuf.UdmabufCreate),
    Ioctl("UDMABUF_CREATE_LIST", udmabuf.UDMABUF_CREATE_LIST, udmabuf.UdmabufCreateList),
    Ioctl("ION_IOC_ALLOC", ion.ION_IOC_ALLOC, ion.IonAllocationData),
    Ioctl("ION_IOC_FREE", ion.ION_IOC_FREE, ion.IonHandleData),
    Ioctl("ION_IOC_MAP", ion.ION_IOC_MAP, ion.IonFdData),
    Ioctl("ION_IOC_SHARE", ion.ION_IOC_SHARE, ion.IonFdData),
    Ioctl("ION_IOC_IMPORT", ion.ION_IOC_IMPORT, ion.IonFdData),
    Ioctl("ION_IOC_CUSTOM", ion.ION_IOC_CUSTOM, ion.IonCustomData),
    Ioctl("ION_IOC_SYNC", ion.ION_IOC_SYNC, ion.IonFdData),
    Ioctl("ION_IOC_HEAP_QUERY", ion.ION_IOC_HEAP_QUERY, ion.IonHeapQuery),
    Ioctl("ION_IOC_ALLOC (4.12)", ion_4_12.ION_IOC_ALLOC, ion_4_12.IonAllocationData),
    Ioctl("ION_IOC_ABI_VERSION", ion_4_12.ION_IOC_ABI_VERSION, c_uint32),
    Ioctl("COMPAT_ION_IOC_ALLOC", ion_compat.COMPAT_ION_IOC_ALLOC, ion_compat.CompatIonAllocationData),
    Ioctl("COMPAT_ION_IOC_FREE", ion_compat.COMPAT_ION_IOC_FREE, ion_compat.CompatIonHandleData),
    Ioctl("COMPAT_ION_IOC_CUSTOM", ion_compat.COMPAT_ION_IOC_CUSTOM, ion_compat.CompatIonCustomData),
    Ioctl("ION_IOC_TEST_SET_FD", ion_test.ION_IOC_TEST_SET_FD, None),
    Ioctl("ION_IOC_TEST_DMA_MAPPING", ion_test.ION_IOC_TEST_DMA_MAPPING, ion_test.IonTestRwData),
    Ioctl("ION_IOC_TEST_KERNEL_MAPPING", ion_test.ION_IOC_TEST_KERNEL_MAPPING, ion_test.IonTestRwData),
    Ioctl(
        "DMABUF_IOC_TEST_GET_FD_FROM_KERNEL",
        dmabuf_test.DMABUF_IOC_TEST_GET_FD_FROM_KERNEL,
        dmabuf_test.DmabufTestRwData,
    ),
    Ioctl(
        "DMABUF_IOC_TEST_GET_FD_FROM_USER",
        dmabuf_test.DMABUF_IOC_TEST_GET_FD_FROM_USER,
        dmabuf_test.DmabufTestRwData,
    ),
    Ioctl("DRM_IOCTL_GEM_CLOSE", drm.DRM_IOCTL_GEM_CLOSE, drm.DrmGemClose),
    Ioctl("DRM_IOCTL_GET_CAP", drm.DRM_IOCTL_GET_CAP, drm.DrmGetCap),
    Ioctl("DRM_IOCTL_PRIME_HANDLE_TO_FD", drm.DRM_IOCTL_PRIME_HANDLE_TO_FD, drm.DrmPrimeHandle),
    Ioctl("DRM_IOCTL_PRIME_FD_TO_HANDLE", drm.DRM_IOCTL_PRIME_FD_TO_HANDLE, drm.DrmPrimeHandle),
    Ioctl("DRM_IOCTL_MODE_CREATE_DUMB", drm.DRM_IOCTL_MODE_CREATE_DUMB, drm.DrmModeCreateDumb),
    Ioctl("DRM_IOCTL_MODE_DESTROY_DUMB", drm.DRM_IOCTL_MODE_DESTROY_DUMB, drm.DrmModeDestroyDumb),
)
"""One row per name. Where two names have one number, the first is the one that describe() says."""

_BY_NUMBER = {row.number: row for row in reversed(IOCTLS)}
_BY_NAME = {row.name: row for row in IOCTLS}


def lookup(cmd: int) -> Ioctl | None:
    """The ioctl with this number."""
    return _BY_NUMBER.get(cmd)


def named(name: str) -> Ioctl:
    """The ioctl of this name. KeyError if there is none."""
    return _BY_NAME[name]


def decode(cmd: int) -> str:
    """The parts of any 32-bit number: `_IOWR('H', 0, 24 bytes)`, `_IO('I', 240)`, `_IOR(0x07, 1, 4 bytes)`.

    A magic that is no visible character is a number.
    """
    magic = chr(_IOC_TYPE(cmd))
    shown = repr(magic) if magic.isascii() and magic.isprintable() else f"{ord(magic):#04x}"
    size = f", {_IOC_SIZE(cmd)} bytes" if _IOC_DIR(cmd) or _IOC_SIZE(cmd) else ""
    return f"{MACROS[_IOC_DIR(cmd)]}({shown}, {_IOC_NR(cmd)}{size})"


def describe(cmd: int) -> str:
    """What to call `cmd` in a message: its name, or its parts and the ioctl it may have been meant for."""
    known = lookup(cmd)
    if known is not None:
        return known.name
    meant = [row.name for row in IOCTLS if row.number & 0xFFFF == cmd & 0xFFFF]
    variant = f", a variant of {meant[0]}" if meant else ""
    return f"{cmd:#010x} ({decode(cmd)}{variant})"


def table() -> str:
    """All ioctls for people, a line each: number, name, argument, size and offsets."""
    lines = []
    for row in IOCTLS:
        line = f"{row.number:#010x} {row.name}"
        if row.argument is not None:
            line += f": {type_name(row.argument)}, {describe_layout(row.argument)}"
        lines.append(line)
    return "\n".join(lines)
