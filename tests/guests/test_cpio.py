"""Archives of ours, read by Debian's cpio."""

from __future__ import annotations

import os
import string
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.guests.cpio import CharacterDevice, Directory, Entry, File, archive

Cpio = Callable[..., str]


@pytest.fixture(scope="session")
def cpio(debian_tool: Callable[[str, str], Path]) -> Cpio:
    """`cpio(data, *options)`: what the program prints of the archive."""
    program = debian_tool("cpio", "cpio")

    def call(data: bytes, *options: str) -> str:
        command = [program, "--quiet", *options]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
        done = subprocess.run(command, input=data, capture_output=True, env=environment, check=True)
        assert not done.stderr
        return done.stdout.decode()

    return call


def test_listing_has_every_kind_of_entry(cpio: Cpio) -> None:
    data = archive(
        {
            "dev": Directory(),
            "dev/console": CharacterDevice(5, 1),
            "dev/null": CharacterDevice(1, 3, 0o666),
            "init": File(b"#!", 0o755),
        }
    )
    lines = [line.split() for line in cpio(data, "-itv", "--numeric-uid-gid").splitlines()]
    assert [(line[0], line[1], line[2], line[3], line[-1]) for line in lines] == [
        ("drwxr-xr-x", "2", "0", "0", "dev"),
        ("crw-------", "1", "0", "0", "dev/console"),
        ("crw-rw-rw-", "1", "0", "0", "dev/null"),
        ("-rwxr-xr-x", "1", "0", "0", "init"),
    ]
    assert [line[4:6] for line in lines[1:3]] == [["5,", "1"], ["1,", "3"]]


NAMES = st.text(string.ascii_letters + "-_ é", min_size=1, max_size=12).filter(
    lambda name: name.strip() == name
)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Entry]:
    """Directories and files in them."""
    entries: dict[str, Entry] = {}
    for directory in draw(st.lists(NAMES, unique=True, max_size=3)):
        entries[directory] = Directory(draw(st.sampled_from([0o755, 0o700])))
        for name in draw(st.lists(NAMES, unique=True, max_size=3)):
            permissions = draw(st.sampled_from([0o644, 0o755, 0o400]))
            entries[f"{directory}/{name}"] = File(draw(st.binary(max_size=40)), permissions)
    return entries


@given(trees())
def test_cpio_unpacks_what_was_packed(cpio: Cpio, entries: dict[str, Entry]) -> None:
    with tempfile.TemporaryDirectory() as root:
        cpio(archive(entries), "-i", "--directory", root)
        found: dict[str, Entry] = {}
        for path in Path(root).rglob("*"):
            permissions = path.stat().st_mode & 0o777
            name = str(path.relative_to(root))
            found[name] = Directory(permissions) if path.is_dir() else File(path.read_bytes(), permissions)
    assert found == entries


def test_a_file_that_is_cut_short_is_noticed(cpio: Cpio) -> None:
    data = archive({"init": File(bytes(100))})
    with pytest.raises(subprocess.CalledProcessError):
        cpio(data[:-200], "-i", "--to-stdout")


def test_same_entries_same_bytes() -> None:
    assert archive({"a": File(b"x")}) == archive({"a": File(b"x")})
    assert len(archive({})) % 4 == 0
