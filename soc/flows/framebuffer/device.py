"""/dev/fb0, what both drivers share: a client for each open file, and two ioctls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from errno import ENODEV, ENOTTY
from typing import TYPE_CHECKING, cast

from heaps.ion.client import IonClient, ion_client_create, ion_client_destroy
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.uapi.ioctl import _IO

if TYPE_CHECKING:
    from heaps.ion.handle import IonHandle
    from soc.dmabuf import DmaBuf
    from soc.flows.stage import Stage
    from soc.kernel.mm.vma import Vma
    from soc.kernel.task import Task

FB_SIZE = 64 << 10
FB_NODE = "/dev/fb0"
FBIO_IMPORT = _IO("F", 0x80)
"""The program's client gets a handle of the framebuffer."""
FBIO_SHARE = _IO("F", 0x81)
"""Returns an fd of it."""


class Framebuffer(ABC):
    """The driver, loaded by `init`. `steps` writes its calls down."""

    init_client: IonClient
    init_hdl: IonHandle
    dmabuf: DmaBuf

    def __init__(self, stage: Stage) -> None:
        self.steps = stage.steps
        self.kernel = stage.kernel
        self.idev = stage.idev

    @abstractmethod
    def init(self, task: Task) -> None:
        """Allocate the framebuffer and keep it as a dma-buf."""

    @abstractmethod
    def import_(self, task: Task, client: IonClient) -> IonHandle:
        """A handle of the framebuffer for `client`."""

    @abstractmethod
    def exit(self) -> None:
        """Give everything back."""

    def share(self, task: Task) -> int:
        """An fd of the framebuffer. -ENOTTY where the driver has no such ioctl."""
        raise KernelError(ENOTTY, "this driver gives no fds out")

    def mmap(self, vma: Vma) -> None:
        """-ENODEV where the driver maps nothing."""
        raise KernelError(ENODEV, "this driver maps nothing")

    # --- the module and its file ----------------------------------------------------

    def module_init(self, task: Task) -> None:
        """insmod: `task` runs the init."""
        with self.kernel.sched.running(task):
            self.init(task)
        self.kernel.devfs.add(FB_NODE, self._open)

    def module_exit(self, task: Task) -> None:
        """rmmod."""
        self.kernel.devfs.remove(FB_NODE)
        with self.kernel.sched.running(task):
            self.exit()

    def _open(self, task: Task, flags: int, holder: Holder) -> File:
        name = f"fb-{task.pid}"
        client = self.steps.call(
            "fb", "p_client = ion_client_create", lambda: ion_client_create(self.idev, name)
        )
        return self.kernel.files.open(FB_FOPS, Opened(self, client), "fb0", holder, flags)


@dataclass(frozen=True)
class Opened:
    """One open file of /dev/fb0."""

    driver: Framebuffer
    client: IonClient


def handle_name(handle: IonHandle) -> str:
    """A handle for people."""
    return f"handle {handle.id} of {handle.client}"


def _ioctl(task: Task, file: File, cmd: int, arg: int) -> int:
    opened = cast(Opened, file.private)
    if cmd == FBIO_IMPORT:
        opened.driver.import_(task, opened.client)
        return 0
    if cmd == FBIO_SHARE:
        return opened.driver.share(task)
    raise KernelError(ENOTTY, f"{FB_NODE} has no ioctl {cmd:#x}")


def _release(file: File) -> None:
    opened = cast(Opened, file.private)
    opened.driver.steps.call("fb", "ion_client_destroy(p_client)", lambda: ion_client_destroy(opened.client))


def _mmap(file: File, vma: Vma) -> None:
    cast(Opened, file.private).driver.mmap(vma)


FB_FOPS = FileOperations("fb", _release, ioctl=_ioctl, mmap=_mmap, link=lambda file: FB_NODE)
