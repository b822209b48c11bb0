"""Compressed kernels: gzip files, and EFI zboot images with a kernel packed inside.

An EFI zboot image is a PE program that unpacks a kernel for UEFI. Its first
bytes are for boot loaders that would rather do it themselves:

  0  "MZ"          8  payload offset, u32      24  type of compression, a string
  4  "zimg"       12  payload size, u32        60  offset of the PE header, u32

Nothing is unpacked beyond a limit, however small the file that asks for it.
Source: drivers/firmware/efi/libstub/{zboot-header.S,Makefile.zboot}; RFC 1952.
Not modelled: zstd, LZ4 and LZO, which Python's library does not read.
"""

from __future__ import annotations

import lzma
import struct
import zlib

from soc.address import human_size
from soc.boot.images_pe import ARM64, machine_name, pe_machine
from soc.errors import BadInput

GZIP = b"\x1f\x8b"
GZIP_WRAPPER = 16 + zlib.MAX_WBITS
ZBOOT = struct.Struct("<2s2x4sII8x32s")
LARGEST_DICTIONARY = 512 << 20
PLAIN = "give the plain Image (arch/arm64/boot/Image), or build it with CONFIG_KERNEL_GZIP"


def is_gzip(data: bytes) -> bool:
    return data[:2] == GZIP


def gunzip(data: bytes, name: str, limit: int) -> bytes:
    """What the gzip file `data` holds, up to `limit` bytes. BadInput."""
    unpacker = zlib.decompressobj(GZIP_WRAPPER)
    try:
        unpacked = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        raise BadInput(f"{name}: damaged: its gzip data cannot be unpacked ({error})") from error
    _check_unpacked(name, "gzip", unpacked, unpacker.eof, limit)
    return unpacked


def is_zboot(data: bytes) -> bool:
    return data[:2] == b"MZ" and data[4:8] == b"zimg" and len(data) >= ZBOOT.size


def unpack_zboot(data: bytes, name: str, limit: int) -> tuple[str, bytes]:
    """The type of compression of an EFI zboot image and the kernel in it, up to `limit` bytes. BadInput."""
    _, _, offset, size, text = ZBOOT.unpack_from(data)
    kind = text.partition(b"\0")[0].decode("ascii", "backslashreplace")
    machine = pe_machine(data)
    if machine is not None and machine != ARM64:
        raise BadInput(f"{name}: an EFI zboot kernel for {machine_name(machine)}, must be for AArch64")
    if offset + size > len(data):
        raise BadInput(
            f"{name}: truncated: its EFI zboot header says the kernel ends at byte {offset + size}, "
            f"and the file has {len(data)}; fetch or build it again"
        )
    payload = data[offset : offset + size]
    if kind == "gzip":
        return kind, gunzip(payload, name, limit)
    if kind in ("xzkern", "xz", "lzma"):
        return kind, _unlzma(payload, name, kind, limit)
    raise BadInput(
        f"{name}: an EFI zboot image packed with {kind!r}, and only gzip, xz and lzma are read: {PLAIN}"
    )


def _unlzma(data: bytes, name: str, kind: str, limit: int) -> bytes:
    unpacker = lzma.LZMADecompressor(memlimit=LARGEST_DICTIONARY)
    try:
        unpacked = unpacker.decompress(data, limit + 1)
    except (lzma.LZMAError, EOFError) as error:
        raise BadInput(f"{name}: damaged: its {kind} data cannot be unpacked ({error})") from error
    _check_unpacked(name, kind, unpacked, unpacker.eof, limit)
    return unpacked


def _check_unpacked(name: str, kind: str, unpacked: bytes, whole: bool, limit: int) -> None:
    if len(unpacked) > limit:
        raise BadInput(f"{name}: its {kind} data unpacks to more than the {human_size(limit)} allowed")
    if not whole:
        raise BadInput(f"{name}: truncated: its {kind} data ends early; fetch or build it again")
    if not unpacked:
        raise BadInput(f"{name}: its {kind} data holds nothing")
