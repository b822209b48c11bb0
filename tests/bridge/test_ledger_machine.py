"""Random clients that get, confirm, give and vanish, held against a plain list of who must hold what."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from soc.bridge.client import new_memory
from soc.bridge.payload import INO, Gift, Run
from soc.bridge.protocol import Kind
from soc.dmabuf import DmaBuf, dma_buf_put, dma_bufs
from soc.kernel.fs.file import Holder
from tests.bridge.bench import Board, host_fds
from tests.bridge.raw import ME, RawClient

USER = Holder("kernel", "test")
PICK = st.integers(0, 7)


@dataclass(eq=False)
class Client:
    """`tickets`: which buffer, and the fd number it was confirmed with, None before that."""

    raw: RawClient
    tickets: dict[int, tuple[int, int | None]] = field(default_factory=dict)


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.board = Board(Path(self.folder.name))
        self.fds_at_rest = host_fds()
        self.clients: list[Client] = []
        self.published: dict[str, int] = {}
        self.waiting: dict[str, int] = {}
        self.mine: list[DmaBuf] = []
        self.names = 0

    def name(self) -> str:
        self.names += 1
        return f"b{self.names}"

    # --- the model of the machine ---------------------------------------------------

    @rule()
    def publish(self) -> None:
        frame, name = self.board.scattered(2), self.name()
        self.board.server.publish(name, frame.dmabuf)
        dma_buf_put(frame.dmabuf, frame.dmabuf.exporter)
        self.published[name] = frame.dmabuf.ino

    @precondition(lambda self: self.published)
    @rule(which=PICK)
    def withdraw(self, which: int) -> None:
        name = sorted(self.published)[which % len(self.published)]
        del self.published[name]
        self.board.server.withdraw(name)

    @precondition(lambda self: self.waiting)
    @rule(which=PICK, keep=st.booleans())
    def take(self, which: int, keep: bool) -> None:
        name = sorted(self.waiting)[which % len(self.waiting)]
        dmabuf = self.board.server.take(name, USER)
        assert dmabuf.ino == self.waiting.pop(name)
        if keep:
            self.mine.append(dmabuf)
        else:
            dma_buf_put(dmabuf, USER)

    @precondition(lambda self: self.mine)
    @rule(which=PICK)
    def publish_or_put(self, which: int) -> None:
        dmabuf = self.mine.pop(which % len(self.mine))
        if which % 2:
            name = self.name()
            self.board.server.publish(name, dmabuf)
            self.published[name] = dmabuf.ino
        dma_buf_put(dmabuf, USER)

    # --- what clients do --------------------------------------------------------------

    @precondition(lambda self: len(self.clients) < 3)
    @rule()
    def connect(self) -> None:
        self.clients.append(Client(RawClient(self.board)))

    @precondition(lambda self: self.clients and self.published)
    @rule(who=PICK, which=PICK)
    def get(self, who: int, which: int) -> None:
        client = self.clients[who % len(self.clients)]
        name = sorted(self.published)[which % len(self.published)]
        offer = client.raw.get(name)
        assert offer.ino == self.published[name]
        client.tickets[offer.ticket] = offer.ino, None

    @precondition(lambda self: self.clients)
    @rule(who=PICK, fd=PICK)
    def confirm(self, who: int, fd: int) -> None:
        client = self.clients[who % len(self.clients)]
        for ticket, (ino, confirmed) in client.tickets.items():
            if confirmed is None:
                client.raw.confirm(ticket, fd)
                client.tickets[ticket] = ino, fd
                return

    @precondition(lambda self: self.clients)
    @rule(who=PICK, which=PICK)
    def release(self, who: int, which: int) -> None:
        client = self.clients[who % len(self.clients)]
        if client.tickets:
            ticket = sorted(client.tickets)[which % len(client.tickets)]
            del client.tickets[ticket]
            client.raw.release(ticket)

    @precondition(lambda self: self.clients)
    @rule(who=PICK, right=st.booleans())
    def give(self, who: int, right: bool) -> None:
        client, name = self.clients[who % len(self.clients)], self.name()
        fd = new_memory(8192) if right else os.memfd_create("unsealed")
        answer = client.raw.ask(Kind.GIVE, Gift(name, (Run(0, 0, 8192),)).pack(), [fd])
        os.close(fd)
        assert answer.kind is (Kind.TAKEN if right else Kind.ERROR)
        if right:
            [self.waiting[name]] = INO.unpack(answer.payload)

    @precondition(lambda self: self.clients and self.published)
    @rule(who=PICK, which=PICK)
    def get_and_give_back(self, who: int, which: int) -> None:
        client, new = self.clients[who % len(self.clients)], self.name()
        name = sorted(self.published)[which % len(self.published)]
        message = client.raw.ask(Kind.GET, name.encode())
        offer = client.raw.offer(message)
        client.tickets[offer.ticket] = offer.ino, None
        answer = client.raw.ask(Kind.GIVE, Gift(new, offer.runs).pack(), message.fds)
        message.close()
        assert INO.unpack(answer.payload) == (offer.ino,)
        self.waiting[new] = offer.ino

    @precondition(lambda self: self.clients)
    @rule(who=PICK)
    def vanish(self, who: int) -> None:
        self.clients.pop(who % len(self.clients)).raw.close()

    # --- what must hold ---------------------------------------------------------------

    @invariant()
    def the_ledger_is_that_of_the_model(self) -> None:
        expected: dict[int, Counter[str]] = {}

        def holds(ino: int, who: str) -> None:
            expected.setdefault(ino, Counter())[who] += 1

        for name, ino in self.published.items():
            holds(ino, f"kernel bridge, as {name}")
        for ino in self.waiting.values():
            holds(ino, f"message from {ME}")
        for dmabuf in self.mine:
            holds(dmabuf.ino, "kernel test")
        for client in self.clients:
            for ino, fd in client.tickets.values():
                holds(ino, f"message to {ME}" if fd is None else f"fd {fd} of {ME}")
        live = dma_bufs(self.board.kernel)
        assert {d.ino: Counter({str(h): n for h, n in d.file.holders.items()}) for d in live} == expected
        assert self.board.pool.used == sum(8192 for d in live if d.exp_name == "host")
        assert self.board.kernel.log.warnings == []

    def teardown(self) -> None:
        while self.clients:
            self.clients.pop().raw.close()
        for name in self.published:
            self.board.server.withdraw(name)
        for name in self.waiting:
            dma_buf_put(self.board.server.take(name, USER), USER)
        for dmabuf in self.mine:
            dma_buf_put(dmabuf, USER)
        assert dma_bufs(self.board.kernel) == []
        assert self.board.pool.used == 0
        assert host_fds() == self.fds_at_rest
        self.board.close()
        self.folder.cleanup()


LedgerMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=30)
TestLedger = LedgerMachine.TestCase
