"""A small repository of Debian packages in a directory, for tests of how packages are fetched."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path


class Repository:
    """Packages are added with the files they have; apt reads it through `sources`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.root.mkdir()
        self.index = root / "Packages"
        self.index.touch()
        self.sources = root / "sources.list"
        self.sources.write_text(f"deb [trusted=yes] file:{root} ./\n", encoding="utf-8")

    def add(
        self,
        package: str,
        version: str,
        files: dict[str, str],
        depends: str | None = None,
        architecture: str = "arm64",
    ) -> Path:
        """Build the package with the text `files`, and list it; returns the .deb file."""
        tree = self.root / "tree" / f"{package}_{version}"
        control = f"Package: {package}\nVersion: {version}\nArchitecture: {architecture}\n"
        control += "Maintainer: Nobody <nobody@example.org>\nDescription: for a test\n"
        if depends is not None:
            control += f"Depends: {depends}\n"
        for path, text in {"DEBIAN/control": control, **files}.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text, encoding="utf-8")
        name = f"{package}_{version.replace(':', '%3a')}_{architecture}.deb"
        command = ["dpkg-deb", "--build", "--root-owner-group", str(tree), str(self.root / name)]
        subprocess.run(command, check=True, capture_output=True)
        self.offer(control, self.root / name)
        return self.root / name

    def offer(self, control: str, archive: Path) -> None:
        """List an archive as it is now."""
        data = archive.read_bytes()
        with self.index.open("a", encoding="utf-8") as index:
            index.write(f"{control}Filename: ./{archive.name}\nSize: {len(data)}\n")
            index.write(f"SHA256: {hashlib.sha256(data).hexdigest()}\n\n")
