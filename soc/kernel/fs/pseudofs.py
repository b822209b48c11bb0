"""The kernel's text files: debugfs, procfs and sysfs, by absolute path.

Who owns a fact registers a reader for it, and a writer where Linux has one; a
reader returns the whole text, its last line ended. Directories are not entries:
they exist as far as a file lies below them.
Source: Documentation/filesystems/{debugfs,proc,sysfs}.rst.

Not modelled: open files and positions, users and modes (a file can be read,
written or both), binary attributes, symbolic links.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EACCES, EINVAL, ENOENT

from soc.kernel.errors import KernelError

Reader = Callable[[], str]
Writer = Callable[[str], None]


class Views:
    """Every text file of one kernel."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[Reader | None, Writer | None]] = {}

    def add(self, path: str, read: Reader | None, write: Writer | None = None) -> None:
        """Register the file `path`; None for what it cannot do. ValueError if it exists or is relative."""
        if not path.startswith("/") or path.endswith("/"):
            raise ValueError(f"{path!r} is not the absolute path of a file")
        if path in self._files:
            raise ValueError(f"{path} exists")
        self._files[path] = (read, write)

    def remove(self, path: str) -> None:
        """Forget the file `path`. -ENOENT without one."""
        self._file(path)
        del self._files[path]

    def read(self, path: str) -> str:
        """The text of `path` as it is now. -ENOENT without such a file, -EACCES if it is write-only."""
        reader = self._file(path)[0]
        if reader is None:
            raise KernelError(EACCES, f"{path} is write-only")
        return reader()

    def write(self, path: str, text: str) -> None:
        """Write `text` to `path`. -ENOENT, -EACCES if it is read-only, -EINVAL as its writer says."""
        writer = self._file(path)[1]
        if writer is None:
            raise KernelError(EACCES, f"{path} is read-only")
        writer(text)

    def list(self, prefix: str = "/") -> list[str]:
        """The files at or below the directory `prefix`, sorted."""
        directory = prefix.rstrip("/") + "/"
        return sorted(path for path in self._files if path == prefix or path.startswith(directory))

    def _file(self, path: str) -> tuple[Reader | None, Writer | None]:
        if path not in self._files:
            raise KernelError(ENOENT, f"{path} does not exist")
        return self._files[path]


def parse_unsigned(text: str, bits: int = 32) -> int:
    """A number as kstrtoull takes it with base 0: 10, 0xa, 012, one newline. -EINVAL, also beyond `bits`."""
    word = text.removesuffix("\n").removeprefix("+")
    base = 16 if word[:2] in ("0x", "0X") else 8 if word[:1] == "0" and len(word) > 1 else 10
    digits = word[2:] if base == 16 else word
    try:
        value = int(digits, base) if digits.isalnum() and digits.isascii() else -1
    except ValueError:
        value = -1
    if not 0 <= value < 1 << bits:
        raise KernelError(EINVAL, f"{text!r} is not a number of {bits} bits")
    return value
