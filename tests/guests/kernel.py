"""A kernel of Debian's, unpacked: the image, its configuration, its modules."""

from __future__ import annotations

import io
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile


@dataclass(frozen=True)
class LinuxKernel:
    """`root` is what would be / if the package were installed."""

    root: Path

    @property
    def image(self) -> Path:
        """An arm64 Image, however it is wrapped."""
        return self._only("boot/vmlinuz-*")

    @property
    def config(self) -> str:
        """The kernel's .config."""
        return self._only("boot/config-*").read_text(encoding="utf-8")

    def module(self, name: str) -> bytes:
        """An ELF file; `-` and `_` in a name are the same. LookupError if there is none."""
        pattern = name.replace("-", "_").replace("_", "[-_]")
        path = self._only(f"**/lib/modules/*/kernel/**/{pattern}.ko*")
        data = path.read_bytes()
        return lzma.decompress(data) if path.suffix == ".xz" else data

    def modules(self, names: Iterable[str]) -> dict[str, bytes]:
        """The named modules and those they need, in an order in which they can be inserted."""
        found: dict[str, bytes] = {}

        def add(name: str) -> None:
            if name not in found:
                data = self.module(name)
                for needed in _needed(data):
                    add(needed)
                found[name] = data

        for name in names:
            add(name.replace("-", "_"))
        return found

    def _only(self, pattern: str) -> Path:
        paths = list(self.root.glob(pattern))
        if len(paths) != 1:
            raise LookupError(f"{self.root.name} has {len(paths)} files like {pattern}, not one")
        return paths[0]


def _needed(module: bytes) -> list[str]:
    """What the module's own description says it depends on."""
    section = ELFFile(io.BytesIO(module)).get_section_by_name(".modinfo")
    facts = section.data().split(b"\0") if section is not None else []
    lists = [fact.removeprefix(b"depends=").decode() for fact in facts if fact.startswith(b"depends=")]
    return [name.replace("-", "_") for names in lists for name in names.split(",") if name]
