"""The driver core and the kernel as a processor: probe order, interrupts, time."""

from __future__ import annotations

from collections.abc import Callable
from errno import ENODEV
from pathlib import Path
from typing import ClassVar

import pytest

from devices.catalogue import models
from devices.drivers import DRIVERS
from soc.address import PhysAddr
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.kernel.device import Device, Driver
from soc.kernel.errors import EPROBE_DEFER, KernelError
from soc.kernel.kernel import Kernel
from tests.kernel.rehearsal import BOARD, PAGE, Rehearsal


@pytest.fixture
def board():
    board = Rehearsal()
    yield board
    board.close()


def test_the_board_boots_without_a_warning(board):
    names = [device.name for device in board.kernel.devices.values()]
    assert set(names) == {
        "2b400000.iommu",
        "30860000.serial",
        "30bd0000.dma-controller",
        "32e00000.lcdif",
        "32e20000.camera",
        "38801000.interrupt-controller",
    }
    assert board.kernel.log.warnings == []
    assert board.log()[0] == "Machine model: dmabuf-soc rehearsal board"
    for name in ("serial", "32e00000.lcdif"):
        with pytest.raises(KernelError) as caught:
            board.kernel.device(board.machine.tree.root)
        assert str(caught.value) == "-ENODEV: no driver is bound to /", name


def reordered(tmp_path: Path, order: list[str]) -> Path:
    """The rehearsal board with the nodes under soc in another order, anchors made references."""
    text = BOARD.read_text(encoding="utf-8")
    head, body = text.split("soc:\n", 1)
    blocks: dict[str, list[str]] = {}
    current = blocks.setdefault("head", [])
    for line in body.splitlines():
        if line.startswith("  ") and line[2] not in " #'" and "@" in line:
            current = blocks.setdefault(line.strip().split("@")[0], [])
        current.append(line.replace("[*smmu,", '["&smmu",'))
    assert set(blocks) == {"head", *order}
    file = tmp_path / "board.yaml"
    lines = [line for name in ("head", *order) for line in blocks[name]]
    file.write_text(head + "soc:\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return file


ORDER = ["iommu", "serial", "lcdif", "camera", "dma-controller", "interrupt-controller"]


@pytest.mark.parametrize("drivers", [DRIVERS, DRIVERS[::-1]], ids=["drivers", "drivers reversed"])
@pytest.mark.parametrize("order", [ORDER, ORDER[::-1], [ORDER[3], *ORDER[:3], *ORDER[4:]]], ids="-".join)
def test_the_order_of_nodes_and_drivers_does_not_matter(tmp_path, order, drivers):
    machine = Machine(load_board(reordered(tmp_path, order)), models())
    kernel = Kernel(machine, drivers)
    kernel.boot()
    bound = list(kernel.devices.values())
    assert len(bound) == 6
    assert all(device.driver for device in bound)
    names = [device.node.name.partition("@")[0] for device in bound]
    assert names.index("interrupt-controller") < names.index("iommu") < names.index("camera")
    domains = {device.name: device.iommu_domain is not None for device in bound}
    assert [name for name, domain in sorted(domains.items()) if domain] == [
        "30bd0000.dma-controller",
        "32e00000.lcdif",
        "32e20000.camera",
    ]
    machine.close()


def test_without_the_iommu_driver_its_users_stay_deferred(tmp_path):
    drivers = [driver for driver in DRIVERS if driver.name != "arm-smmu-v3"]
    board = Rehearsal(drivers=drivers)
    assert board.log()[-3:] == [
        "platform 32e00000.lcdif: deferred probe pending",
        "platform 32e20000.camera: deferred probe pending",
        "platform 30bd0000.dma-controller: deferred probe pending",
    ]
    assert len(board.kernel.devices) == 2
    board.close()


# --- drivers of the test's own ----------------------------------------------


class Trier(Driver):
    """Fails as it is told, by node name."""

    name: ClassVar[str] = "trier"
    of_match: ClassVar[tuple[str, ...]] = ("test,b", "test,a")
    patience: ClassVar[dict[str, int]] = {}
    removed: ClassVar[list[str]] = []

    def probe(self) -> None:
        left = self.patience.get(self.device.node.name, 0)
        if left > 0:
            self.patience[self.device.node.name] = left - 1
            raise KernelError(EPROBE_DEFER, "not yet")
        if left < 0:
            raise KernelError(19, "nothing there")

    def remove(self) -> None:
        self.removed.append(self.device.name)


SMALL = """\
memory@80000000: {device_type: memory, reg: [[0x80000000, 1M]]}
soc:
  compatible: simple-bus
  ranges: true
  one@1000: {compatible: [test,unknown, test,a], reg: [[0x1000, 0x100], [0x2000, 0x10]]}
  two@3000: {compatible: test,b, reg: [[0x3000, 0x100]]}
  three@4000: {compatible: test,a, status: disabled, reg: [[0x4000, 0x100]]}
  four: {compatible: test,b}
"""


@pytest.fixture
def small(tmp_path):
    """Boots the small board with `patience` by node name."""
    file = tmp_path / "board.yaml"
    file.write_text(
        "'#address-cells': 2\n'#size-cells': 2\n"
        + SMALL.replace("  ranges: true\n", "  ranges: true\n  '#address-cells': 2\n  '#size-cells': 2\n"),
        encoding="utf-8",
    )
    machine = Machine(load_board(file), {})
    Trier.removed.clear()

    def boot(**patience: int) -> Kernel:
        Trier.patience = {name.replace("_", "@"): left for name, left in patience.items()}
        kernel = Kernel(machine, [Trier])
        kernel.boot()
        return kernel

    yield boot
    machine.close()


def test_drivers_bind_by_compatible_to_enabled_nodes(small):
    kernel = small()
    assert [device.name for device in kernel.devices.values()] == ["1000.one", "3000.two", "four"]
    kernel.shutdown()
    assert Trier.removed == ["four", "3000.two", "1000.one"]
    assert kernel.devices == {}


def test_a_deferred_probe_is_tried_again_while_others_succeed(small):
    kernel = small(one_1000=2, two_3000=1)
    assert [device.name for device in kernel.devices.values()] == ["four", "3000.two", "1000.one"]


def test_a_round_without_progress_ends_the_boot(small):
    kernel = small(one_1000=99, four=-1)
    assert [device.name for device in kernel.devices.values()] == ["3000.two"]
    assert [line[15:] for line in kernel.log.lines()][-2:] == [
        "trier four: probe failed: -ENODEV: nothing there",
        "platform 1000.one: deferred probe pending",
    ]


def test_devices_name_what_they_lack(small):
    kernel = small()
    one = next(iter(kernel.devices.values()))
    assert one.ioremap(1).base == 0x2000
    assert repr(one) == "<device 1000.one>"
    with pytest.raises(KernelError, match="-EINVAL: 1000.one: no reg entry 2"):
        one.ioremap(2)
    with pytest.raises(KernelError, match="-EPROBE_DEFER: 1000.one: no interrupt controller yet"):
        one.request_irq(lambda: None)


def test_a_register_that_nothing_answers_fails_the_call(small):
    """The small board has no models, so its windows are holes of the bus."""
    one = next(iter(small().devices.values())).ioremap()
    hole = "of {} bytes at 0x1004: nothing answers there"
    for call, what in (
        (lambda: one.readl(4), f"read {hole.format(4)}"),
        (lambda: one.readq(4), f"read {hole.format(8)}"),
        (lambda: one.writel(4, 1), f"write {hole.format(4)}"),
        (lambda: one.writeq(4, 1), f"write {hole.format(8)}"),
    ):
        with pytest.raises(KernelError) as caught:
            call()
        assert str(caught.value) == f"-EIO: cpu: {what}"


def test_why_a_probe_did_not_succeed_is_kept(small):
    kernel = small(one_1000=1, two_3000=99, four=-1)
    assert kernel.probe_errors == {
        "/soc/two@3000": "-EPROBE_DEFER: not yet",
        "/soc/four": "-ENODEV: nothing there",
    }


def test_pages_are_zeroed_powers_of_two_and_come_back(small):
    kernel = small()
    address = kernel.memory.alloc_pages(3)
    assert address % (4 * PAGE) == 0
    kernel.memory.words(address, 3 * 512)[:] = 7
    kernel.memory.free_pages(address, 3)
    again = kernel.memory.alloc_pages(3)
    assert (again, kernel.memory.words(again, 3 * 512).any()) == (address, False)
    kernel.memory.free_pages(again, 3)
    with pytest.raises(KernelError, match="-ENOMEM: no 1024 contiguous free pages"):
        kernel.memory.alloc_pages(1024)


@pytest.mark.parametrize(
    ("address", "count", "why"),
    [
        (0xB000_0000, 1, "the kernel's: /reserved-memory/framebuffer@b0000000 [0xb0000000 - 0xb3ffffff]"),
        (0xAFFF_FFF8, 2, "the kernel's: /reserved-memory/framebuffer@b0000000 [0xb0000000 - 0xb3ffffff]"),
        (0x801F_FFF8, 2, "the kernel's: /reserved-memory/firmware@80000000 [0x80000000 - 0x801fffff]"),
        (0xBFFF_FFF8, 2, "DRAM"),
        (0x30E0_0000, 1, "DRAM"),
    ],
)
def test_words_are_of_the_kernels_own_memory(board, address, count, why):
    with pytest.raises(KernelError) as caught:
        board.kernel.memory.words(PhysAddr(address), count)
    end = address + 8 * count - 1
    assert str(caught.value) == f"-EFAULT: {address:#x}..{end:#x} is not {why}"
    assert len(board.kernel.memory.words(PhysAddr(0x8020_0000), 2)) == 2


# --- interrupts and time ----------------------------------------------------


def spi(board: Rehearsal, number: int):
    """The wire of a shared interrupt, as a device would drive it."""
    gic = board.machine.tree.find("gic")
    node = board.machine.tree.find("camera")
    return board.machine.interrupt_input(node, gic, (0, number, 4))


def test_an_interrupt_runs_every_handler_of_its_line(board):
    heard = []
    camera = board.device("camera")
    line = spi(board, 16)

    def handler() -> None:
        heard.append(board.machine.clock.now)
        line(False)

    camera.request_irq(handler)
    board.machine.clock.at(500, lambda: line(True))
    board.machine.run(1000, lambda: False)
    assert heard == [500]
    with pytest.raises(KernelError, match="-EINVAL: 32e20000.camera: no interrupt 1"):
        camera.request_irq(handler, 1)


def test_an_interrupt_of_nobody_is_logged(board):
    board.kernel._interrupts._lines.clear()
    smmu = board.machine.tree.find("smmu")
    board.machine._slots[smmu.path].irq("eventq").pulse()
    board.interrupts()
    assert board.log()[-1] == "irq 106: nobody cared"


def test_a_line_that_no_handler_silences_is_turned_off(board):
    """A driver that forgets to clear its interrupt must not hang the run."""
    spi(board, 16)(True)
    board.device("camera").request_irq(lambda: None)
    board.machine.clock.at(7, lambda: None)
    board.machine.run(20, lambda: False)
    assert board.machine.clock.now == 20
    assert board.kernel.log.warnings == [
        "irq 48: nobody cared, 10000 interrupts at one instant\nDisabling IRQ #48"
    ]
    spi(board, 16)(False)


def test_what_a_handler_starts_happens_at_its_own_time(board):
    """A handler puts an event before the one the kernel was going to sleep to."""
    clock, line, happened = board.machine.clock, spi(board, 16), []

    def handler() -> None:
        line(False)
        clock.after(30, lambda: happened.append(clock.now))

    board.device("camera").request_irq(handler)
    clock.at(100, lambda: line(True))
    clock.at(10_000, lambda: happened.append(clock.now))
    board.machine.run(20_000, lambda: False)
    assert happened == [130, 10_000]
    assert clock.now == 20_000


class Unlucky(Driver):
    """Binds to the camera and asks for its interrupt; then fails with `errors`, one a probe."""

    name: ClassVar[str] = "unlucky"
    of_match: ClassVar[tuple[str, ...]] = ("dmabuf-soc,camera",)
    errors: ClassVar[list[int]] = []
    heard: ClassVar[list[Driver]] = []

    def probe(self) -> None:
        self.device.request_irq(self.interrupt)
        if self.errors:
            raise KernelError(self.errors.pop(0), "no luck")

    def interrupt(self) -> None:
        self.heard.append(self)
        Unlucky.lower()

    lower: ClassVar[Callable[[], None]]


def unmasked(board: Rehearsal) -> list[int]:
    """Shared interrupts that the interrupt controller lets through."""
    distributor = 0x3880_1000
    words = [board.machine.bus.master("cpu").read(PhysAddr(distributor + 0x100 + 4 * i), 4) for i in range(5)]
    return [bit - 32 for bit in range(32, 160) if words[bit // 32] >> bit % 32 & 1]


@pytest.fixture
def unlucky():
    """The board with a driver of the camera that fails so; its interrupt is risen."""
    boards = []

    def boot(*errors: int) -> Rehearsal:
        Unlucky.errors, Unlucky.heard = list(errors), []
        drivers = [driver for driver in DRIVERS if driver.name != "dmabuf-soc-camera"]
        boards.append(Rehearsal(drivers=[*drivers, Unlucky]))
        line = spi(boards[-1], 16)
        Unlucky.lower = staticmethod(lambda: line(False))
        line(True)
        boards[-1].interrupts()
        return boards[-1]

    yield boot
    for board in boards:
        board.close()


def test_a_probe_that_fails_leaves_no_handler_and_a_masked_line(unlucky):
    board = unlucky(ENODEV)
    assert Unlucky.heard == []
    assert unmasked(board) == [5, 26, 34, 35, 74, 79]
    assert "unlucky 32e20000.camera: probe failed: -ENODEV: no luck" in board.log()


def test_a_deferred_probe_has_one_handler_in_the_end(unlucky):
    board = unlucky(EPROBE_DEFER)
    assert Unlucky.heard == [board.device("camera").driver]
    assert unmasked(board) == [5, 16, 26, 34, 35, 74, 79]
    assert board.kernel.probe_errors == {}


def test_a_line_stays_open_while_another_handler_is_there(board):
    """A second device on the camera's line gives up; the first goes on hearing."""
    camera, heard, line = board.device("camera"), [], spi(board, 16)
    guest = Device(board.kernel, camera.node)
    guest.request_irq(lambda: heard.append("guest"))
    camera.request_irq(lambda: line(bool(heard.append("camera"))))
    guest.release_managed()
    guest.release_managed()
    line(True)
    board.interrupts()
    assert heard == ["camera"]
    assert board.kernel.log.warnings == []


def test_what_was_never_requested_cannot_be_freed(board):
    board.kernel.free_irq(board.device("camera"), 0, print)
    assert board.kernel.log.warnings == ["Trying to free already-free IRQ 48 of 32e20000.camera"]


def test_unbound_drivers_hear_nothing_and_their_lines_are_masked(board):
    assert unmasked(board) == [5, 16, 26, 34, 35, 74, 79]
    board.kernel.shutdown()
    assert unmasked(board) == []
    assert board.kernel._interrupts._lines == {}


def test_mmio_goes_over_the_bus_as_the_cpu(board):
    uart = board.device("uart").ioremap()
    assert uart.readl(0xFE0) == 0x11
    assert (uart.base, uart.size) == (PhysAddr(0x3086_0000), 0x1000)
    smmu = board.device("smmu").ioremap()
    smmu.writel(0x50, 0)  # interrupts off: the configuration of their MSIs can be written
    smmu.writeq(0x68, 0x0009_5678_9ABC_DEF4)
    assert smmu.readq(0x68) == 0x0009_5678_9ABC_DEF4
