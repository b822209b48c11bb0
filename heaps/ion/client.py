"""A client: one open of /dev/ion, or a driver that uses ION. All its handles die with it.

Source: ion_client_create, ion_client_destroy (ion.c, 4.9).

What is left at the end says something about who leaves it, and the model tells:
- user space that goes on living and had imported a buffer more often than it freed it: WARN;
- a program that ends so: a line, because the kernel cleans up after programs;
- a reference that kernel code still has, of a handle that is destroyed all the same: WARN.
An allocation that is given back by closing /dev/ion is ordinary, and nothing is said.
"""

from __future__ import annotations

from errno import EINVAL
from typing import TYPE_CHECKING, NoReturn

from heaps.ion.debugfs import client_path, client_show
from heaps.ion.handle import IonHandle, ion_handle_destroy
from heaps.ion.ids import HandleIds
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import UseAfterFree
from soc.kernel.locking.mutex import Mutex

if TYPE_CHECKING:
    from heaps.ion.buffer import IonBuffer
    from heaps.ion.device import IonDevice
    from soc.kernel.task import Task


class IonClient:
    """`name` may be shared by several, `display_name` is not. `task` made it, None for the kernel.

    `user`: it is an open file of /dev/ion. `handles` go by buffer, `ids` by number.
    """

    def __init__(self, device: IonDevice, name: str, serial: int, task: Task | None, user: bool) -> None:
        self.device = device
        self.name = name
        self.display_serial = serial
        self.display_name = f"{name}-{serial}"
        self.task = task
        self.pid = task.pid if task else 0
        self.user = user
        self.alive = True
        self.ids = HandleIds()
        self.handles: dict[IonBuffer, IonHandle] = {}
        self.lock = Mutex(device.kernel.sched, f"client->lock of {self}")

    def __str__(self) -> str:
        return f"ion client {self.display_name}"


def ion_client_create(device: IonDevice, name: str | None, user: bool = False) -> IonClient:
    """A client for the running task, or for the kernel where none runs. -EINVAL without a name, -ENOMEM.

    WARN and UseAfterFree for a device that is gone.
    """
    kernel = device.kernel
    if not device.alive:
        _trap(device, "ion_client_create", "the ion device")
    if name is None:
        kernel.log.error("ion_client_create: Name cannot be null")
        raise KernelError(EINVAL, "an ion client needs a name")
    for what in ("ion_client", "client name"):
        kernel.faults.kmalloc(what)
    with device.lock:
        serials = [client.display_serial for client in device.clients if client.name == name]
        kernel.faults.kmalloc("client display name")
        client = IonClient(device, name, max(serials, default=-1) + 1, kernel.sched.current, user)
        device.clients.append(client)
        device.add_view(client_path(client), lambda: client_show(client), what="client")
    return client


def ion_client_destroy(client: IonClient) -> None:
    """Destroy its handles, whatever their counts; buffers that are dma-bufs live on. UseAfterFree twice."""
    device = client.device
    if not client.alive:
        _trap(device, "ion_client_destroy", str(client))
    for handle in list(client.handles.values()):
        _report(handle)
        ion_handle_destroy(handle)
    with device.lock:
        client.alive = False
        device.clients.remove(client)
        device.remove_view(client_path(client))


def _report(handle: IonHandle) -> None:
    """Say what is left of `handle` that should not be."""
    client, log = handle.client, handle.client.device.kernel.log
    users, kernels = handle.user_ref_count, _kernel_references(handle)
    if kernels > 0:
        log.warn(f"ion_client_destroy: {handle} is destroyed, and kernel code has {kernels} references to it")
    if users > 1:
        left = f"ion_client_destroy: {handle} was allocated or imported {users} times more than freed"
        ended = client.task is not None and client.task.exited
        (log.info if ended else log.warn)(left)


def _kernel_references(handle: IonHandle) -> int:
    """References that are not user space's; a driver's client has one of its own in order."""
    if not handle.client.user:
        return handle.kref - 1
    if handle.client.device.user_ref_count:
        return handle.kref - bool(handle.user_ref_count)
    return handle.kref - handle.user_ref_count


def _trap(device: IonDevice, call: str, what: str) -> NoReturn:
    error = UseAfterFree(call, what)
    device.kernel.log.warn(str(error))
    raise error
