"""dtc, the device tree compiler of Debian, as an oracle."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

QUIET = ["-W", "no-interrupt_provider"]
"""A check of newer dtc that a GIC without #address-cells fails, which kernels do not ask for."""


@dataclass(frozen=True)
class Dtc:
    """The program at `path`."""

    path: Path

    def compile(self, source: Path) -> bytes:
        """The flattened tree of a DTS file, whatever dtc warns of."""
        return self._run("-q", "-I", "dts", "-O", "dtb", str(source)).stdout

    def refuses(self, source: Path) -> bool:
        """Whether a DTS file is an error to dtc."""
        command = [self.path, "-q", "-I", "dts", "-O", "dtb", source]
        return subprocess.run(command, capture_output=True, check=False).returncode != 0

    def decompile(self, blob: bytes) -> str:
        """The DTS text of a flattened tree."""
        return self._run("-q", "-I", "dtb", "-O", "dts", "-", blob=blob).stdout.decode("ascii")

    def reread(self, blob: bytes) -> tuple[bytes, str]:
        """What dtc makes of a flattened tree as a flattened tree, and what it warns of."""
        done = self._run("-I", "dtb", "-O", "dtb", *QUIET, "-", blob=blob)
        return done.stdout, done.stderr.decode()

    def _run(self, *arguments: str, blob: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run([self.path, *arguments], input=blob, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done
