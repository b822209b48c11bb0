"""A C compiler reads the user ABI as we do: one source per target, all of it static assertions."""

from __future__ import annotations

from pathlib import Path

import pytest

from soc.kernel.uapi import (
    dma_buf,
    dma_heap,
    dmabuf_test,
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
from tests.uapi import declarations as c
from tests.uapi.c_compiler import assertions, constant_assertion, constants, failed_assertions, structures

MODULES = (dma_buf, dma_heap, sync_file, udmabuf, memfd, drm, sw_sync, ion_test, dmabuf_test, ion)
DECLARED = c.HEADERS + c.SW_SYNC + c.TEST_DRIVERS + c.ION_4_9
NEWER_ION = c.ION_4_12 + assertions(ion_4_12)
SOURCE = DECLARED + assertions(*MODULES) + NEWER_ION


@pytest.mark.parametrize("target", ["aarch64-linux-musl", "x86_64-linux-musl"])
def test_a_compiler_finds_our_sizes_offsets_signs_and_numbers(target: str, tmp_path: Path) -> None:
    assert failed_assertions(SOURCE, target, tmp_path) == []


def test_a_32_bit_program_differs_where_the_compat_module_says_so_and_nowhere_else(tmp_path: Path) -> None:
    old_name = constant_assertion("DMA_BUF_SET_NAME", dma_buf.DMA_BUF_SET_NAME_A) + "\n"
    compat = c.ION_COMPAT + assertions(ion_compat) + old_name
    source = DECLARED + assertions(*MODULES) + compat + NEWER_ION
    assert failed_assertions(source, "arm-linux-musleabihf", tmp_path) == [
        "DMA_BUF_SET_NAME",  # that of 64 bits; the other one, just above, holds
        "ION_IOC_ALLOC",
        "ION_IOC_CUSTOM",
        "ion_allocation_data.align offset",
        "ion_allocation_data.align size",
        "ion_allocation_data.flags offset",
        "ion_allocation_data.handle offset",
        "ion_allocation_data.heap_id_mask offset",
        "ion_allocation_data.len size",
        "ion_custom_data.arg offset",
        "ion_custom_data.arg size",
        "sizeof ion_allocation_data",
        "sizeof ion_custom_data",
    ]


def test_the_compiler_names_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    mistakes = {
        "offsetof(struct dma_heap_allocation_data, fd) == 8": "== 12",
        "offsetof(struct ion_custom_data, arg) == 8": "== 4",
        "sizeof(struct ion_allocation_data) == 32": "== 28",
        "sync_merge_data *)0)->fence))-1 < 0) == 1": "== 0",
        "UDMABUF_CREATE == 0x40187542": "== 0x40187543",
        "SYNC_IOC_MAGIC == '>'": "== '<'",
        "F_SEAL_WRITE == 0x8": "== 0x10",
        "sizeof(struct ion_allocation_data) == 24": "== 32",
    }
    source = SOURCE
    for right, wrong in mistakes.items():
        assert source.count(right) == 1, right
        source = source.replace(right, right[: right.rindex("==")] + wrong)
    assert failed_assertions(source, "aarch64-linux-musl", tmp_path) == [
        "F_SEAL_WRITE",
        "SYNC_IOC_MAGIC",
        "UDMABUF_CREATE",
        "dma_heap_allocation_data.fd offset",
        "ion_custom_data.arg offset",
        "sizeof ion_allocation_data",
        "sizeof ion_allocation_data",
        "sync_merge_data.fence sign",
    ]


def test_a_source_that_does_not_compile_is_not_mistaken_for_agreement(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="unknown type name 'nonsense'"):
        failed_assertions("nonsense x;\n", "aarch64-linux-musl", tmp_path)


def test_every_structure_and_constant_of_the_modules_is_in_the_source() -> None:
    for module in (*MODULES, ion_4_12):
        assert constants(module)
        for structure in structures(module):
            fields = [name for name, *_ in structure._fields_]
            assert all(f'.{name} offset"' in SOURCE for name in fields)
        assert all(f'"{name}"' in SOURCE for name in constants(module))
    assert sum(len(structures(module)) for module in (*MODULES, ion_4_12)) == SOURCE.count('"sizeof ') == 27
