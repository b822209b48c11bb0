"""Random lives of many buffers: the model is the table of rules, the run stays silent."""

from __future__ import annotations

from dataclasses import dataclass, field
from errno import EBADF, EMFILE

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_fd,
    dma_buf_get,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
)
from soc.dmabuf.buffer import DmaBuf, DmaBufAttachment
from soc.dmabuf.ledger import leaked, references
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import DmaDirection, SgTable
from tests.dmabuf.small_kernel import Exporter, SmallDevice, SmallKernel

LIMIT = 5
PICK = st.integers(0, 1)


@dataclass(eq=False)
class Model:
    """What must be true of one buffer."""

    dmabuf: DmaBuf
    exporter: bool = True
    imports: list[int] = field(default_factory=lambda: [0, 0])
    attachments: list[tuple[int, DmaBufAttachment]] = field(default_factory=list)
    mappings: list[tuple[DmaBufAttachment, SgTable, DmaDirection]] = field(default_factory=list)


class BufferMachine(RuleBasedStateMachine):
    buffers = Bundle("buffers")

    @initialize(generation=st.sampled_from(Generation))
    def start(self, generation: Generation) -> None:
        self.kernel = SmallKernel(generation)
        self.exporter = Exporter(self.kernel)
        self.tasks = [self.kernel.task(1, "one", LIMIT), self.kernel.task(2, "two", LIMIT)]
        self.devices = [SmallDevice(self.kernel, "camera"), SmallDevice(self.kernel, "display")]
        self.fds: list[dict[int, Model]] = [{}, {}]
        self.models: list[Model] = []

    def count(self, model: Model) -> int:
        slots = sum(list(table.values()).count(model) for table in self.fds)
        return model.exporter + sum(model.imports) + slots

    def lowest(self, who: int) -> int | None:
        return next((fd for fd in range(LIMIT) if fd not in self.fds[who]), None)

    @rule(target=buffers)
    def export(self) -> Model:
        model = Model(self.exporter.export())
        self.models.append(model)
        return model

    @rule(model=buffers, who=PICK)
    def fd(self, model: Model, who: int) -> None:
        if not model.exporter or model.attachments:
            return  # the reference may be what keeps the attachments alive
        expected = self.lowest(who)
        if expected is None:
            with pytest.raises(KernelError) as error:
                dma_buf_fd(self.tasks[who], model.dmabuf)
            assert error.value.errno == EMFILE
            return
        assert dma_buf_fd(self.tasks[who], model.dmabuf) == expected
        self.fds[who][expected] = model
        model.exporter = False

    @rule(fd=st.integers(0, LIMIT), who=PICK, device=PICK)
    def get(self, fd: int, who: int, device: int) -> None:
        holder = self.devices[device].importer
        if fd not in self.fds[who]:
            with pytest.raises(KernelError) as error:
                dma_buf_get(self.tasks[who], fd, holder)
            assert error.value.errno == EBADF
            return
        model = self.fds[who][fd]
        assert dma_buf_get(self.tasks[who], fd, holder) is model.dmabuf
        model.imports[device] += 1

    @rule(model=buffers, device=PICK)
    def put(self, model: Model, device: int) -> None:
        in_use = any(number == device for number, _ in model.attachments)
        if model.imports[device] > in_use:
            model.imports[device] -= 1
            dma_buf_put(model.dmabuf, self.devices[device].importer)

    @rule(model=buffers)
    def exporter_put(self, model: Model) -> None:
        if model.exporter:
            model.exporter = False
            dma_buf_put(model.dmabuf, model.dmabuf.exporter)

    @rule(fd=st.integers(0, LIMIT), who=PICK)
    def close(self, fd: int, who: int) -> None:
        if self.fds[who].pop(fd, None):
            self.tasks[who].files.close(fd)

    @rule(fd=st.integers(0, LIMIT), who=PICK)
    def dup(self, fd: int, who: int) -> None:
        expected = self.lowest(who)
        if fd in self.fds[who] and expected is not None:
            assert self.tasks[who].files.dup(fd) == expected
            self.fds[who][expected] = self.fds[who][fd]

    @rule(who=PICK)
    def exit(self, who: int) -> None:
        self.tasks[who].exit()
        self.tasks[who] = self.kernel.task(who + 1, ("one", "two")[who], LIMIT)
        self.fds[who].clear()

    @rule(model=buffers, device=PICK)
    def attach(self, model: Model, device: int) -> None:
        if model.imports[device]:
            model.attachments.append((device, dma_buf_attach(model.dmabuf, self.devices[device])))

    @rule(model=buffers, write=st.booleans())
    def map(self, model: Model, write: bool) -> None:
        direction = DmaDirection.FROM_DEVICE if write else DmaDirection.TO_DEVICE
        for _, attachment in model.attachments[:1]:
            sgt = dma_buf_map_attachment_unlocked(attachment, direction)
            model.mappings.append((attachment, sgt, direction))

    @rule(model=buffers)
    def unmap(self, model: Model) -> None:
        if model.mappings:
            dma_buf_unmap_attachment_unlocked(*model.mappings.pop())

    @rule(model=buffers)
    def detach(self, model: Model) -> None:
        busy = {attachment for attachment, _, _ in model.mappings}
        for pair in [pair for pair in model.attachments if pair[1] not in busy][:1]:
            model.attachments.remove(pair)
            dma_buf_detach(model.dmabuf, pair[1])

    @invariant()
    def ledger_agrees(self) -> None:
        living = [model for model in self.models if self.count(model)]
        entries = references(self.kernel)
        assert [(e.ino, e.count) for e in entries] == [(m.dmabuf.ino, self.count(m)) for m in living]
        assert [len(e.attachments) for e in entries] == [len(m.attachments) for m in living]
        assert [len(e.mappings) for e in entries] == [len(m.mappings) for m in living]
        assert len(leaked(self.kernel)) == len(living)

    @invariant()
    def released_exactly_when_the_count_is_zero(self) -> None:
        dead = [str(model.dmabuf) for model in self.models if not self.count(model)]
        told = [call.removeprefix("release ") for call in self.exporter.calls if call.startswith("release")]
        assert sorted(told) == sorted(dead)

    @invariant()
    def nobody_warned(self) -> None:
        assert self.kernel.log.warnings == []


TestBuffers = BufferMachine.TestCase
