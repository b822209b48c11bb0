"""Random lives of handles and dma-bufs on two cards, against the rules written down once more, plainly."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from errno import EINVAL, ENOENT
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from soc.dmabuf import dma_bufs
from soc.kernel.errors import KernelError
from tests.drm.bench import CardBench

CLIENTS = (("card0", 0), ("card0", 1), ("card1", 2), ("card1", 3))
clients = st.integers(0, len(CLIENTS) - 1)
handles = st.integers(1, 4)


@dataclass(eq=False)
class Buf:
    """A dma-buf; `origin` None for one of no card."""

    ino: int
    origin: Obj | None


@dataclass(eq=False)
class Obj:
    card: str
    handles: int = 0
    source: Buf | None = None
    """What it was imported from."""
    dma_buf: Buf | None = None
    """What it was exported as, while it refers to that."""


@dataclass
class Client:
    card: str
    fd: int
    objects: dict[int, Obj] = field(default_factory=dict)
    table: dict[int, Buf] = field(default_factory=dict)

    def enter(self, obj: Obj) -> int:
        number = next(n for n in range(1, 100) if n not in self.objects)
        self.objects[number] = obj
        obj.handles += 1
        return number


class PrimeMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.bench = CardBench(Path(self.folder.name))
        self.clients = [Client(card, self.bench.open(card)) for card, _ in CLIENTS]
        self.fds: dict[int, Buf] = {}
        self.bufs: list[Buf] = []

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.bench.warned()  # what is closed twice here is meant to be
            self.bench.close()
            self.folder.cleanup()

    # --- the rules --------------------------------------------------------------------

    @rule(which=clients)
    def create(self, which: int) -> None:
        client = self.clients[which]
        assert self.bench.dumb(client.fd, pages=1) == client.enter(Obj(client.card))

    @rule(page=st.integers(0, 3))
    def create_foreign(self, page: int) -> None:
        fd = self.bench.foreign_fd(page)
        buf = Buf(self.bench.app.fstat(fd).st_ino, None)
        self.fds[fd] = buf
        self.bufs.append(buf)

    @rule(which=clients, handle=handles)
    def export(self, which: int, handle: int) -> None:
        client = self.clients[which]
        obj = client.objects.get(handle)
        if obj is None:
            with pytest.raises(KernelError) as caught:
                self.bench.to_fd(client.fd, handle)
            assert caught.value.errno == ENOENT
            return
        fd = self.bench.to_fd(client.fd, handle)
        ino = self.bench.app.fstat(fd).st_ino
        known = obj.source or next((buf for buf in self.alive() if buf.origin is obj), None)
        if known is None:
            known = Buf(ino, obj)
            assert ino not in [buf.ino for buf in self.bufs]
            self.bufs.append(known)
        assert ino == known.ino
        if obj.source is None:
            obj.dma_buf = known
        client.table[handle] = known
        self.fds[fd] = known

    @precondition(lambda self: self.fds)
    @rule(which=clients, data=st.data())
    def import_(self, which: int, data: st.DataObject) -> None:
        client = self.clients[which]
        fd = data.draw(st.sampled_from(sorted(self.fds)))
        buf = self.fds[fd]
        handle = self.bench.to_handle(client.fd, fd)
        known = next((number for number, other in client.table.items() if other is buf), None)
        if known is not None:
            assert handle == known
            return
        own = buf.origin is not None and buf.origin.card == client.card
        obj = buf.origin if own else Obj(client.card, source=buf)
        assert obj is not None
        if own:
            obj.dma_buf = buf
        assert handle == client.enter(obj)
        client.table[handle] = buf

    @rule(which=clients, handle=handles)
    def gem_close(self, which: int, handle: int) -> None:
        client = self.clients[which]
        if handle not in client.objects:
            with pytest.raises(KernelError) as caught:
                self.bench.gem_close(client.fd, handle)
            assert caught.value.errno == EINVAL
            return
        self.bench.gem_close(client.fd, handle)
        self.forget(client, handle)

    @precondition(lambda self: self.fds)
    @rule(data=st.data())
    def close_fd(self, data: st.DataObject) -> None:
        fd = data.draw(st.sampled_from(sorted(self.fds)))
        self.bench.app.close(fd)
        del self.fds[fd]

    @rule(which=clients)
    def reopen(self, which: int) -> None:
        client = self.clients[which]
        self.bench.app.close(client.fd)
        for handle in list(client.objects):
            self.forget(client, handle)
        client.fd = self.bench.open(client.card)

    # --- what must hold ---------------------------------------------------------------

    @invariant()
    def counts_are_what_the_rules_say(self) -> None:
        if not hasattr(self, "bench"):
            return
        real = {dmabuf.ino: dmabuf for dmabuf in dma_bufs(self.bench.kernel)}
        alive = self.alive()
        assert sorted(real) == sorted(buf.ino for buf in alive)
        for buf in alive:
            assert real[buf.ino].file.f_count == self.count(buf)
            assert len(real[buf.ino].attachments) == len(self.imports(buf))
        for card in (self.bench.card0, self.bench.card1):
            objects = {obj for client in self.clients for obj in client.objects.values()}
            objects |= {buf.origin for buf in alive if buf.origin is not None}
            mine = [obj for obj in objects if obj.card == card.name]
            assert len(card.objects) == len(mine)
            assert sum(obj.handle_count for obj in card.objects) == sum(obj.handles for obj in mine)

    # --- the rules, plainly --------------------------------------------------------------

    def forget(self, client: Client, handle: int) -> None:
        obj = client.objects.pop(handle)
        obj.handles -= 1
        if not obj.handles:
            obj.dma_buf = None
        client.table.pop(handle, None)

    def alive(self) -> list[Buf]:
        return [buf for buf in self.bufs if self.count(buf)]

    def imports(self, buf: Buf) -> set[Obj]:
        every = {obj for client in self.clients for obj in client.objects.values()}
        return {obj for obj in every if obj.source is buf}

    def count(self, buf: Buf) -> int:
        """fds, tables, two for each import, and the origin's own from export or import to its last handle."""
        fds = sum(other is buf for other in self.fds.values())
        tables = sum(other is buf for client in self.clients for other in client.table.values())
        return (
            fds + tables + 2 * len(self.imports(buf)) + (buf.origin is not None and buf.origin.dma_buf is buf)
        )


TestPrimeMachine = PrimeMachine.TestCase
TestPrimeMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
