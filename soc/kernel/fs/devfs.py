"""Device nodes: the paths of /dev and debugfs that open to a file of a driver.

Source: drivers/base/devtmpfs.c, fs/char_dev.c.

Not modelled: major and minor numbers, owners and modes.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EEXIST, ENOENT
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, Holder

if TYPE_CHECKING:
    from soc.kernel.task import Task

Opener = Callable[["Task", int, Holder], File]
"""open(task, flags, holder): a new file whose one reference is `holder`'s."""


class DevFs:
    """The device nodes of one kernel."""

    def __init__(self) -> None:
        self._nodes: dict[str, Opener] = {}

    def add(self, path: str, opener: Opener) -> None:
        """Register a node. -EEXIST if the path is taken."""
        if path in self._nodes:
            raise KernelError(EEXIST, f"{path} exists")
        self._nodes[path] = opener

    def remove(self, path: str) -> None:
        """Forget a node; files it opened live on. -ENOENT without one."""
        self.opener(path)
        del self._nodes[path]

    def opener(self, path: str) -> Opener:
        """What opens `path`. -ENOENT without such a node."""
        if path not in self._nodes:
            raise KernelError(ENOENT, f"{path} does not exist")
        return self._nodes[path]

    def list(self, prefix: str = "/") -> list[str]:
        """The nodes at or below the directory `prefix`, sorted."""
        directory = prefix.rstrip("/") + "/"
        return sorted(path for path in self._nodes if path.startswith(directory))
