"""What is fetched and built once and kept outside the tree, for every test process of this user."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_directory() -> Path:
    """$XDG_CACHE_HOME/dmabuf-soc/guests, or the same under ~/.cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "dmabuf-soc" / "guests"


class Cache:
    """Files and directories that appear whole or not at all, however many processes make them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process, and one thread of it, at a time; not to be nested."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def get(self, name: str, make: Callable[[Path], None]) -> Path:
        """The entry `name`, which `make(path)` makes the first time at a place of its own."""
        if not (self.root / name).exists():
            with self.locked():
                self.put(name, make)
        return self.root / name

    def put(self, name: str, make: Callable[[Path], None]) -> Path:
        """The same for a caller that holds the lock."""
        entry = self.root / name
        if not entry.exists():
            room = self.root / "unfinished"
            shutil.rmtree(room, ignore_errors=True)  # of a process that was killed
            room.mkdir()
            make(room / name)
            (room / name).rename(entry)
            shutil.rmtree(room)
        return entry

    def point(self, name: str, entry: Path) -> None:
        """Make `name` stand for `entry` from now on. The caller holds the lock."""
        link = self.root / f"{name}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(entry.name)
        link.replace(self.root / name)
