"""Debian packages for arm64 by name, with apt, beside the system's own packages.

The sources, keys and proxies are the system's; lists and state are our own, so this needs no root and
changes nothing of the system. apt verifies signatures and hashes.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.guests.errors import GuestUnavailable

ARCHITECTURE = "arm64"
PATIENCE = 600
"""Seconds for one call of apt."""

CONFIGURATION = """\
APT::Architecture "{architecture}";
#clear APT::Architectures;
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "root"; // that is: stay who we are
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Acquire::Languages "none";
Acquire::Retries "2";
Dir::State "{root}/state";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
"""


@dataclass(frozen=True)
class Candidate:
    """The version of a package that apt would install."""

    package: str
    version: str
    depends: tuple[str, ...]
    """Names only, the first of alternatives."""


class Apt:
    """apt with a directory of its own; `sources` is a list of sources other than the system's."""

    def __init__(self, root: Path, sources: Path | None = None) -> None:
        self.root = root
        self.sources = sources
        self.complaint = ""

    def update(self) -> None:
        """Fetch the lists. What a source has to complain of is told when a package is missing."""
        for directory in ("state/lists/partial", "cache/archives/partial"):
            (self.root / directory).mkdir(parents=True, exist_ok=True)
        (self.root / "status").touch()
        text = CONFIGURATION.format(architecture=ARCHITECTURE, root=self.root)
        if self.sources is not None:
            text += f'Dir::Etc::SourceList "{self.sources}";\nDir::Etc::SourceParts "-";\n'
        (self.root / "apt.conf").write_text(text, encoding="utf-8")
        self.complaint = _complaint(self._run("apt-get", "update").stderr, "")

    def candidate(self, package: str) -> Candidate:
        """The newest version in the lists, or the system's preference if it has one."""
        done = self._run("apt-cache", "show", "--no-all-versions", package)
        fields = dict(re.findall(r"^([\w-]+): (.*)$", done.stdout, re.MULTILINE))
        if "Version" not in fields:
            reason = self.complaint or "its sources do not list it"
            raise GuestUnavailable(f"apt has no package {package} for {ARCHITECTURE}: {reason}")
        depends = re.findall(r"(?:^|, )([^\s,:|]+)", fields.get("Depends", ""))
        return Candidate(package, fields["Version"], tuple(depends))

    def download(self, package: str, version: str, directory: Path) -> Path:
        """The .deb file of that version, in `directory`."""
        done = self._run("apt-get", "download", f"{package}={version}", directory=directory)
        files = list(directory.glob("*.deb"))
        if done.returncode or len(files) != 1:
            raise GuestUnavailable(f"apt cannot download {package} {version}: {_complaint(done.stderr)}")
        return files[0]

    def _run(
        self, program: str, *arguments: str, directory: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [program, f"--config-file={self.root / 'apt.conf'}", "-q", *arguments]
        environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        return run(command, directory, environment)


def unpack(archive: Path, directory: Path) -> None:
    """The files of a .deb, as they would be under /."""
    done = run(["dpkg-deb", "--extract", str(archive), str(directory)])
    if done.returncode:
        raise GuestUnavailable(f"cannot unpack {archive.name}: {_complaint(done.stderr)}")


def run(
    command: list[str], directory: Path | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """One of Debian's programs; GuestUnavailable where there is none, or if it does not end."""
    try:
        return subprocess.run(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    except FileNotFoundError:
        raise GuestUnavailable(f"{command[0]} is missing: guests are packages of Debian") from None
    except subprocess.TimeoutExpired:
        raise GuestUnavailable(f"{' '.join(command)} took more than {PATIENCE} s") from None


def _complaint(stderr: str, otherwise: str = "it does not say why") -> str:
    """The first error in what a program said, or else the first warning, or else the last line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for mark in ("Err:", "E: ", "W: "):
        for line in lines:
            if line.startswith(mark):
                return line.removeprefix(mark)
    return lines[-1] if lines else otherwise
