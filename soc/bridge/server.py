"""The server of the bridge: publishes buffers to host processes, and takes theirs in.

Not modelled: telling a client that the model is done with memory it gave, counting what a
client's forks and those it passes a file descriptor on to do with a buffer.
"""

from __future__ import annotations

import os
import selectors
import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from soc.bridge.payload import check_name
from soc.bridge.peer import Peer
from soc.bridge.protocol import BridgeError, ProtocolError
from soc.bridge.region import Region
from soc.bridge.session import Desk
from soc.bridge.shared import SharedBuffers
from soc.bridge.udmabuf import HostUdmabuf
from soc.dmabuf import DmaBuf, dma_buf_put, get_dma_buf
from soc.kernel.fs.file import Holder

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel

MOST_PEERS = 64


class BufferServer:
    """A UNIX socket at `path`, for its owner only, where host processes get buffers and give theirs.

    `region` is where memory from outside gets its place; without one it is refused.
    `pages_only`: a client sees the pages of its buffer and no others, or gets nothing; that
    takes the host's `udmabuf`. BridgeError if the socket cannot be made.
    """

    def __init__(
        self,
        kernel: Kernel,
        path: str | Path,
        region: Region | None = None,
        *,
        udmabuf: HostUdmabuf | None = None,
        pages_only: bool = False,
    ) -> None:
        self.path = Path(path)
        self._log = kernel.log
        self._desk = Desk(kernel, SharedBuffers(kernel, udmabuf or HostUdmabuf(), pages_only), region)
        self._peers: list[Peer] = []
        self._listener = _listen(self.path)
        self._selector = selectors.EpollSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    # --- buffers ----------------------------------------------------------------

    def publish(self, name: str, dmabuf: DmaBuf) -> None:
        """Let clients get `dmabuf` as `name`; the bridge holds a reference. BridgeError for a name in use."""
        if check_name(name) in self._desk.published:
            raise BridgeError(f"a buffer {name!r} is published already")
        get_dma_buf(dmabuf, _publisher(name))
        self._desk.published[name] = dmabuf

    def withdraw(self, name: str) -> None:
        """No client gets it any more; those that have it keep it. BridgeError if it is not published."""
        dmabuf = self._desk.published.pop(name, None)
        if dmabuf is None:
            raise BridgeError(f"no buffer {name!r} is published")
        dma_buf_put(dmabuf, _publisher(name))

    @property
    def given(self) -> list[str]:
        """Names of buffers that clients have given and nobody has taken, oldest first."""
        return list(self._desk.given)

    def take(self, name: str, holder: Holder) -> DmaBuf:
        """A buffer that a client has given; its reference is `holder`'s now. BridgeError without one."""
        if name not in self._desk.given:
            raise BridgeError(f"no buffer {name!r} was given")
        dmabuf, message = self._desk.given.pop(name)
        dmabuf.file.transfer(message, holder)
        return dmabuf

    # --- serving ----------------------------------------------------------------

    @property
    def clients(self) -> list[int]:
        """Process numbers of those connected, oldest first."""
        return [peer.pid for peer in self._peers]

    def fileno(self) -> int:
        """Readable when there is something to serve, for a loop of the caller's own."""
        return self._selector.fileno()

    def service(self) -> bool:
        """Serve what is there now, without waiting. Whether there was anything."""
        return self.serve(0)

    def serve(self, timeout: float | None = None) -> bool:
        """Wait at most `timeout` seconds, None for ever, for clients; serve them once. Whether any came."""
        ready = self._selector.select(timeout)
        for key, _ in ready:
            key.data()
        return bool(ready)

    def close(self) -> None:
        """End all connections and drop everything the bridge holds."""
        for peer in list(self._peers):
            self._drop(peer)
        self._selector.close()
        self._listener.close()
        self.path.unlink(missing_ok=True)
        for name in list(self._desk.published):
            self.withdraw(name)
        while self._desk.given:
            dmabuf, holder = self._desk.given.pop(next(iter(self._desk.given)))
            dmabuf.file.put(holder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # --- inside -----------------------------------------------------------------

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # it is gone again
        if len(self._peers) == MOST_PEERS:
            sock.close()
            self._log.error(f"bridge: a client was refused, {MOST_PEERS} are connected")
            return
        sock.setblocking(False)
        peer = Peer(sock, self._desk)
        self._peers.append(peer)
        self._selector.register(sock, selectors.EVENT_READ, partial(self._serve, peer))

    def _serve(self, peer: Peer) -> None:
        try:
            alive = peer.serve()
        except ProtocolError as error:
            self._log.error(f"bridge: {peer.session.name}: {error}")
            peer.refuse(error)
            alive = False
        except OSError:
            alive = False
        if not alive:
            self._drop(peer)
            return
        events = selectors.EVENT_WRITE if peer.wants_to_send else selectors.EVENT_READ
        self._selector.modify(peer.sock, events, partial(self._serve, peer))

    def _drop(self, peer: Peer) -> None:
        self._peers.remove(peer)
        self._selector.unregister(peer.sock)
        peer.close()


def _publisher(name: str) -> Holder:
    return Holder("kernel", f"bridge, as {name}")


def _listen(path: Path) -> socket.socket:
    """A listening socket at `path` that only its owner may connect to."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(sock.fileno(), 0o600)  # before it has a name, so that it never has another mode
        sock.bind(str(path))
        sock.listen()
    except OSError as error:
        sock.close()
        reason = error.strerror or str(error)
        if path.is_socket():
            reason = "another server is there, or one that was killed; then remove it"
        raise BridgeError(f"cannot listen at {path}: {reason}") from error
    sock.setblocking(False)
    return sock
