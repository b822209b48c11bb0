"""share-between-processes: the introduction's client and service."""

from __future__ import annotations

from soc.flows.flow import Act, Finding, Flow
from soc.flows.processes import play
from soc.kernel.generation import Generation

SOCKET_OPEN = "a socket is never closed"

PROCESSES = Flow(
    "share-between-processes",
    "an fd of an ION buffer over a UNIX socket; the sender exits before it is read",
    "ion-introduction-zh.txt",
    "A client allocates from ION and sends the buffer's fd to a service. The message in flight has a "
    "reference of its own, so the client may close, free and exit at once. Handles stay behind: they mean "
    "something to one client only.",
    (
        Act(
            "sender-gone",
            "Between the client's exit and recvmsg the message is all that keeps the buffer. What the client "
            "wrote is there when the service maps it.",
            Generation.V4_9,
            play.right,
        ),
        Act(
            "as-printed",
            "The printed programs close their buffers but not their sockets; the end of the program does.",
            Generation.V4_9,
            play.as_printed,
            (
                Finding(SOCKET_OPEN, "client (pid 101) ends with fd 2 open: socket 4 'stream'"),
                Finding(SOCKET_OPEN, "service (pid 100) ends with fd 0 open: socket 1 'stream'"),
                Finding(SOCKET_OPEN, "service (pid 100) ends with fd 1 open: socket 5 'stream'"),
            ),
        ),
        Act(
            "no-byte",
            "The same message without data: a stream socket carries fds with its bytes, so none arrives, and "
            "the buffer ends with the client.",
            Generation.V4_9,
            play.no_byte,
        ),
    ),
)
