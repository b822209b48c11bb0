"""A message between sendmsg and recvmsg: what the sender puts in, and what the receiver gets out.

Source: net/core/scm.c (struct scm_cookie), net/core/sock.c (sock_alloc_send_pskb).

Not modelled: truesize in the limit on unread bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import ENOBUFS
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.fs.file import File, Holder
from soc.kernel.net.scm import Message, unix_attach_fds
from soc.kernel.net.sock import UnixSocket

if TYPE_CHECKING:
    from soc.kernel.task import Task


@dataclass(frozen=True)
class Received:
    """What recvmsg gave: new `fds`, `flags` of MSG_CTRUNC and MSG_TRUNC, the sender's `address`, if any."""

    data: bytes
    fds: tuple[int, ...] = ()
    flags: int = 0
    address: str | None = None


@dataclass(eq=False)
class Passing:
    """`files` on their way from a task into a message; what is still here when sendmsg ends is put."""

    task: Task
    holder: Holder
    files: list[File]

    def message(self, sender: UnixSocket, data: bytes) -> Message:
        """A message of `data` that takes the files. -ENOBUFS, -ETOOMANYREFS, -EFAULT."""
        try:
            self.task.kernel.faults.kmalloc("sk_buff")
        except KernelError as error:
            raise KernelError(ENOBUFS, error.why) from error
        message = Message(sender, data, self.holder)
        unix_attach_fds(message, self.files, self.task)
        self.files = []
        try:
            user_copy(self.task, "sendmsg")
        except KernelError:
            self.take_back(message)
            raise
        return message

    def take_back(self, message: Message) -> None:
        """The message is not sent."""
        self.files = message.take_files()


def queue(receiver: UnixSocket, message: Message) -> None:
    """The message has arrived."""
    message.sender.unread += len(message.data)
    receiver.queue.append(message)


def user_copy(task: Task, call: str) -> None:
    """The bytes are copied from or to the program: it may fault (-EFAULT), and anything else may run."""
    task.kernel.sched.preempt(call)
    task.kernel.faults.check(FaultSite.USERCOPY, call)
