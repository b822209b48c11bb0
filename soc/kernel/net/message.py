"""sendmsg and recvmsg on UNIX sockets.

Source: net/socket.c, net/unix/af_unix.c, man 7 unix.

Not modelled: MSG_PEEK, MSG_OOB, MSG_WAITALL, credentials.
"""

from __future__ import annotations

from collections.abc import Sequence
from errno import EINVAL
from socket import SOCK_STREAM
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.net.dgram import receive_datagram, send_datagram
from soc.kernel.net.scm import scm_destroy, scm_fp_copy
from soc.kernel.net.sock import UnixSocket
from soc.kernel.net.stream import receive_stream, send_stream
from soc.kernel.net.transfer import Passing, Received

if TYPE_CHECKING:
    from soc.kernel.task import Task


def sendmsg(
    task: Task, sock: UnixSocket, data: bytes, fds: Sequence[int], flags: int, address: str | None
) -> int:
    """Bytes sent; a stream may send fewer. A stream without a byte sends nothing, and the files go nowhere.

    -EINVAL for more than 253 fds, -EBADF, -ETOOMANYREFS, -ENOTCONN, -EPIPE, -ECONNREFUSED, -EISCONN
    or -EOPNOTSUPP for an address on a stream, -ENOENT, -EPROTOTYPE, -EPERM, -EMSGSIZE,
    -EAGAIN, -ERESTARTSYS, -EFAULT, -ENOMEM, -ENOBUFS.
    """
    named = address.replace("\0", "@", 1) if address is not None else None
    holder = Holder("message", f"from {task} to {named or sock.peer or 'nobody'}")
    passing = Passing(task, holder, scm_fp_copy(task, fds, holder))
    send = send_stream if sock.kind == SOCK_STREAM else send_datagram
    try:
        return send(sock, data, passing, flags, address)
    finally:
        scm_destroy(passing.files, holder)


def recvmsg(task: Task, sock: UnixSocket, size: int, control: int, flags: int) -> Received:
    """At most `size` bytes, and files in `control` bytes for control messages, at the lowest free fds.

    What does not fit of the files is closed, and flags has MSG_CTRUNC. No bytes: the end of a
    stream. -EINVAL for a negative size or a stream that is not connected, -ECONNRESET, -EAGAIN,
    -ERESTARTSYS, -EFAULT.
    """
    if size < 0:
        raise KernelError(EINVAL, f"recvmsg: {size} bytes")
    receive = receive_stream if sock.kind == SOCK_STREAM else receive_datagram
    return receive(task, sock, size, control, flags)
