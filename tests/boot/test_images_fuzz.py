"""Whatever bytes a file has: software comes out, or one line."""

from __future__ import annotations

import gzip
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from soc.boot.images import ElfImage, FlatImage, LinuxImage, parse_image
from soc.boot.images_pe import PeHeader
from soc.errors import BadInput
from tests.boot.image_files import GOOD_ELF, PACKERS, efi_image, linux_image, pe_header, zboot

LIMIT = 1 << 20
SAMPLES = [
    linux_image(),
    efi_image(),
    GOOD_ELF,
    gzip.compress(linux_image(), mtime=0),
    *(zboot(pack(efi_image()), kind) for kind, pack in PACKERS.items()),
]


def parse(data: bytes) -> LinuxImage | ElfImage | FlatImage | None:
    """The image, sound in itself; None for one line about the file."""
    try:
        image = parse_image(data, "file", LIMIT)
    except BadInput as error:
        assert str(error).startswith("file: ")
        assert len(str(error).splitlines()) == 1
        return None
    assert len(str(image).splitlines()) == 1
    if isinstance(image, LinuxImage):
        assert 64 <= len(image.data) <= min(image.header.image_size, LIMIT)
    elif isinstance(image, FlatImage):
        assert 0 < len(image.data) <= max(LIMIT, len(data))
    else:
        assert any(part.address <= image.program.entry < part.end for part in image.program.segments)
    return image


@settings(max_examples=300)
@given(st.binary(max_size=1200))
@example(b"MZ")
@example(b"\x1f\x8b")
@example(b"MZ\0\0zimg")
@example(b"MZ\0\0zimg" + b"\xff" * 56)
@example(b"\x7fELF\x02\x01\x01" + b"\xff" * 57)
@example(b"\xff" * 56 + b"ARM\x64" + b"\xff" * 4)
def test_arbitrary_bytes(data: bytes) -> None:
    parse(data)


@settings(max_examples=300)
@given(
    sample=st.sampled_from(SAMPLES),
    changes=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=8),
    cut=st.none() | st.integers(0, 9000),
)
def test_damaged_images(sample: bytes, changes: list[tuple[int, int]], cut: int | None) -> None:
    data = bytearray(sample)
    for at, value in changes:
        data[at % len(data)] = value
    parse(bytes(data[:cut]))


@given(
    offset=st.integers(0, 1 << 64) | st.integers(0, 1 << 22),
    size=st.integers(1, (1 << 64) - 1),
    flags=st.integers(0, (1 << 64) - 1),
)
def test_any_header_is_read_as_it_is_written(offset: int, size: int, flags: int) -> None:
    offset &= (1 << 64) - 1
    image = parse(linux_image(image_size=size, text_offset=offset, flags=flags))
    assert (image is None) == bool(flags & 1 or size < 8192)
    if isinstance(image, LinuxImage):
        assert (image.header.text_offset, image.header.image_size) == (offset, size)
        assert image.header.page_size == (None, 4096, 16384, 65536)[flags >> 1 & 3]
        assert image.header.anywhere == bool(flags & 8)


@given(plain=st.binary(min_size=1, max_size=3000), kind=st.sampled_from(sorted(PACKERS)))
def test_what_is_packed_comes_out_again(plain: bytes, kind: bytes) -> None:
    kernel = linux_image() + plain
    image = parse(zboot(PACKERS[kind](kernel), kind))
    assert isinstance(image, LinuxImage)
    assert image.data == kernel


@given(
    sections=st.lists(st.tuples(st.integers(0, 1 << 32), st.integers(0, 1 << 32)), max_size=6),
    offset=st.integers(0, 64),
)
def test_the_end_of_a_pe_file_is_that_of_its_last_section(
    sections: list[tuple[int, int]], offset: int
) -> None:
    entries = [(size & 0xFFFF_FFFF, at & 0xFFFF_FFFF) for size, at in sections]
    header = pe_header(0xAA64, *entries)
    pe = PeHeader.read(bytes(offset) + header, offset)
    ends = [size + at for size, at in entries if size]
    assert pe == PeHeader(0xAA64, max([offset + len(header), *ends]))


@pytest.mark.parametrize("size", [0, 4, 23])
def test_no_pe_header_is_read_from_too_few_bytes(size: int) -> None:
    assert PeHeader.read(pe_header(0xAA64)[:size], 0) is None
    assert PeHeader.read(struct.pack("<4s20x", b"NE\0\0"), 0) is None
