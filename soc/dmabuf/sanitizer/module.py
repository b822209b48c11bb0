"""What a module leaves behind when it is unloaded: references, open brackets of CPU access, kernel mappings.

An error path that returns too early leaves them, and nothing is heard of it until the
memory is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.dmabuf.brackets import Brackets
from soc.dmabuf.export import dma_bufs

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.fs.file import Holder


def module_unloaded(kernel: KernelCore, module: Holder) -> None:
    """WARN for what is left of it: `module` is the name under which it held its references.

    Brackets and mappings are of all kernel code and named with it; who began them is told.
    """
    for dmabuf in dma_bufs(kernel):
        references = dmabuf.file.holders[module]
        if not references:
            continue
        left = ["a reference" if references == 1 else f"{references} references"]
        left += [
            f"CPU access begun by {who} and not ended" for who in kernel.subsystem(Brackets).open(dmabuf)
        ]
        if dmabuf.vmapping_counter:
            left.append(f"vmapped {dmabuf.vmapping_counter} times")
        kernel.log.warn(f"{module.who} is unloaded and leaves {dmabuf}: {', '.join(left)}")
