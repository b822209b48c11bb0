"""A cpio archive in the "newc" format, as Linux unpacks it into its first file system.

Source: Documentation/driver-api/early-userspace/buffer-format.rst. The same entries give the same bytes:
no times, owners or inode numbers of the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MAGIC = b"070701"
ALIGNMENT = 4
DIRECTORY, CHARACTER_DEVICE, REGULAR = 0o040000, 0o020000, 0o100000


@dataclass(frozen=True)
class Directory:
    permissions: int = 0o755


@dataclass(frozen=True)
class File:
    data: bytes
    permissions: int = 0o644


@dataclass(frozen=True)
class CharacterDevice:
    major: int
    minor: int
    permissions: int = 0o600


Entry = Directory | File | CharacterDevice


def archive(entries: Mapping[str, Entry]) -> bytes:
    """Paths without a leading "/"; a directory comes before what is in it, for the kernel makes none."""
    records = [_record(number, path, entry) for number, (path, entry) in enumerate(entries.items(), start=1)]
    return b"".join(records) + _fields("TRAILER!!!", 0, 0)


def _record(inode: int, path: str, entry: Entry) -> bytes:
    match entry:
        case Directory(permissions):
            return _fields(path, inode, DIRECTORY | permissions, links=2)
        case CharacterDevice(major, minor, permissions):
            return _fields(path, inode, CHARACTER_DEVICE | permissions, device=(major, minor))
        case File(data, permissions):
            return _fields(path, inode, REGULAR | permissions, data)


def _fields(
    path: str, inode: int, mode: int, data: bytes = b"", links: int = 1, device: tuple[int, int] = (0, 0)
) -> bytes:
    name = path.encode() + b"\0"
    owner, group, time, checksum = 0, 0, 0, 0
    numbers = (inode, mode, owner, group, links, time, len(data), 0, 0, *device, len(name), checksum)
    header = MAGIC + b"".join(b"%08X" % number for number in numbers)
    return _padded(header + name) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
