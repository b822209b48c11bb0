"""Random lives of processes that pass buffers and sockets around, held against a plain model.

The model knows fd tables and queues only. A file is alive when an fd leads to it,
through the queues of sockets that are alive; its count is the number of places it is in.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from errno import EINVAL, ENOTSOCK, ETOOMANYREFS
from socket import MSG_CTRUNC, MSG_DONTWAIT, SOCK_DGRAM, SOCK_STREAM

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from soc.kernel.errors import KernelError
from soc.kernel.net.garbage import unix_gc
from soc.kernel.process import Process
from tests.net.world import World, control

LIMIT = 8
PICK = st.integers(0, LIMIT - 1)


@dataclass(eq=False)
class Thing:
    """A buffer, or one end of a pair of sockets with the files of its unread messages."""

    ino: int
    kind: int = 0
    peer: Thing | None = None
    queue: deque[list[Thing]] = field(default_factory=deque)


@dataclass(eq=False)
class Actor:
    process: Process
    fds: dict[int, Thing] = field(default_factory=dict)

    def lowest(self) -> list[int]:
        return [fd for fd in range(LIMIT) if fd not in self.fds]


class InFlightMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.actors = [Actor(self.world.process(name, LIMIT)) for name in ("one", "two", "three")]

    # --- the model --------------------------------------------------------------

    def alive(self) -> set[Thing]:
        found = {thing for actor in self.actors for thing in actor.fds.values()}
        to_visit = list(found)
        while to_visit:
            inside = {thing for files in to_visit.pop().queue for thing in files} - found
            found |= inside
            to_visit += inside
        return found

    def counts(self) -> Counter[int]:
        slots = Counter(thing.ino for actor in self.actors for thing in actor.fds.values())
        messages = Counter(t.ino for thing in self.alive() for files in thing.queue for t in files)
        return slots + messages

    def in_flight(self) -> int:
        return sum(len(files) for thing in self.alive() for files in thing.queue)

    # --- what processes do --------------------------------------------------------

    @rule(who=st.sampled_from(range(3)))
    def buffer(self, who: int) -> None:
        actor = self.actors[who]
        if actor.lowest():
            fd, dmabuf = self.world.buffer(actor.process)
            assert fd == actor.lowest()[0]
            actor.fds[fd] = Thing(dmabuf.ino)

    @rule(who=st.sampled_from(range(3)), kind=st.sampled_from([SOCK_STREAM, SOCK_DGRAM]))
    def socketpair(self, who: int, kind: int) -> None:
        actor = self.actors[who]
        free = actor.lowest()
        if len(free) >= 2:
            assert actor.process.socketpair(kind) == (free[0], free[1])
            pair = [Thing(actor.process.fstat(fd).st_ino, kind) for fd in free[:2]]
            pair[0].peer, pair[1].peer = pair[1], pair[0]
            actor.fds.update(zip(free[:2], pair, strict=True))

    @rule(who=st.sampled_from(range(3)), fd=PICK, sent=st.lists(PICK, max_size=3))
    def send(self, who: int, fd: int, sent: list[int]) -> None:
        actor = self.actors[who]
        files = [actor.fds[each] for each in sent if each in actor.fds]
        fds = [each for each in sent if each in actor.fds]
        thing = actor.fds.get(fd)
        if thing is None:
            return
        expected = self.refusal(thing, files)
        if expected is not None:
            with pytest.raises(KernelError) as error:
                actor.process.sendmsg(fd, b"x", fds, MSG_DONTWAIT)
            assert error.value.errno in expected
            return
        assert actor.process.sendmsg(fd, b"x", fds, MSG_DONTWAIT) == 1
        assert thing.peer is not None
        thing.peer.queue.append(files)

    def refusal(self, thing: Thing, files: list[Thing]) -> set[int] | None:
        """The errno with which a send fails, by the rules; the last three are of a peer that is gone."""
        if not thing.kind:
            return {ENOTSOCK}
        if thing.peer not in self.alive():
            return {32, 111, 107, ETOOMANYREFS}
        if files and self.in_flight() > LIMIT:
            return {ETOOMANYREFS}
        if thing.kind == SOCK_DGRAM and thing.peer is not None and len(thing.peer.queue) > 10:
            return {11}
        return None

    @rule(who=st.sampled_from(range(3)), fd=PICK, room=st.integers(0, 3))
    def receive(self, who: int, fd: int, room: int) -> None:
        actor = self.actors[who]
        thing = actor.fds.get(fd)
        if thing is None or not thing.queue:
            return
        files = thing.queue.popleft()
        while not files and thing.kind == SOCK_STREAM and thing.queue:
            files = thing.queue.popleft()
        free = actor.lowest()
        taken = min(len(files), room, len(free))
        received = actor.process.recvmsg(fd, 100, control(room))
        assert received.fds == tuple(free[:taken])
        assert received.flags == (MSG_CTRUNC if taken < len(files) else 0)
        actor.fds.update(zip(free, files[:taken], strict=False))

    @rule(who=st.sampled_from(range(3)), fd=PICK)
    def close(self, who: int, fd: int) -> None:
        if self.actors[who].fds.pop(fd, None):
            self.actors[who].process.close(fd)

    @rule(who=st.sampled_from(range(3)), other=st.sampled_from(range(3)))
    def exit_and_fork(self, who: int, other: int) -> None:
        """A process ends; another forks to take its place."""
        self.actors[who].process.exit()
        self.actors[who].fds.clear()
        if who == other:
            self.actors[who] = Actor(self.world.process("new", LIMIT))
        else:
            parent = self.actors[other]
            self.actors[who] = Actor(parent.process.fork(), dict(parent.fds))

    @precondition(lambda self: any(len(actor.fds) < LIMIT for actor in self.actors))
    @rule(who=st.sampled_from(range(3)))
    def too_many(self, who: int) -> None:
        actor = self.actors[who]
        fd = next((fd for fd, thing in actor.fds.items() if thing.kind), None)
        if fd is not None:
            with pytest.raises(KernelError) as error:
                actor.process.sendmsg(fd, b"x", [fd] * 254)
            assert error.value.errno == EINVAL

    # --- what must hold -------------------------------------------------------------

    @invariant()
    def counts_are_those_of_the_model(self) -> None:
        unix_gc(self.world.sockets)
        assert {file.ino: file.f_count for file in self.world.live()} == self.counts()
        assert self.world.sockets.in_flight == self.in_flight()
        assert self.world.kernel.log.warnings == []

    def teardown(self) -> None:
        for actor in self.actors:
            actor.process.exit()
        unix_gc(self.world.sockets)
        self.world.assert_clean()


InFlightMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestInFlight = InFlightMachine.TestCase
