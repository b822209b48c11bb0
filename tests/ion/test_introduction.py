"""The programs of the ION introduction on the board that comes with it, as a kernel of 4.9 runs them."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EINVAL

import pytest

from devices.catalogue import models
from devices.drivers import DRIVERS
from devices.smmuv3.hardware import Smmuv3
from heaps.catalogue import DRIVERS as ION_DRIVERS
from heaps.ion.alloc import ion_alloc
from heaps.ion.kernel_map import ion_map_kernel, ion_unmap_kernel
from heaps.ion.share import ion_share_dma_buf_fd
from heaps.ion.vexpress import vexpress_ion_client_create
from soc.address import Iova
from soc.board import Machine
from soc.devicetree.tree import load_board
from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_begin_cpu_access,
    dma_buf_detach,
    dma_buf_end_cpu_access,
    dma_buf_get,
    dma_buf_kmap,
    dma_buf_kunmap,
    dma_buf_map_attachment,
    dma_buf_put,
    dma_buf_unmap_attachment,
)
from soc.dmabuf.ledger import leaked
from soc.iommu.port import DmaAbort, DmaPort
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.generation import Generation
from soc.kernel.kernel import Kernel
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.task import Task
from soc.kernel.uaccess import get_user, put_user
from soc.kernel.uapi.dmabuf_test import (
    DMABUF_IOC_TEST_GET_FD_FROM_KERNEL,
    DMABUF_IOC_TEST_GET_FD_FROM_USER,
    DmabufTestRwData,
)
from tests.ion.bench import CARVEOUT, DMA, NEEDS_SYNC, PAGE, SYSTEM, IonApp, refused
from tests.ion.boards import VEXPRESS_ION

BOTH, FROM = DmaDirection.BIDIRECTIONAL, DmaDirection.FROM_DEVICE
DRIVER = Holder("kernel", "dmabuf-test")


class DmabufTest:
    """/dev/dmabuf-test: a page of a driver's, given as an fd, and the first bytes of a program's buffer."""

    def __init__(self, kernel: Kernel) -> None:
        self.printed: list[bytes] = []
        self.client = vexpress_ion_client_create(kernel, "dmabuf-test-client")
        self.handle = ion_alloc(self.client, PAGE, 0, SYSTEM, NEEDS_SYNC)
        ion_map_kernel(self.client, self.handle).write(b"efgh\n")
        ion_unmap_kernel(self.client, self.handle)
        ops = FileOperations("dmabuf-test", lambda file: None, ioctl=self._ioctl)
        kernel.devfs.add(
            "/dev/dmabuf-test",
            lambda task, flags, holder: kernel.files.open(ops, None, "dmabuf-test", holder, flags),
        )

    def _ioctl(self, task: Task, file: File, cmd: int, arg: int) -> int:
        data = get_user(task, arg, DmabufTestRwData)
        if cmd == DMABUF_IOC_TEST_GET_FD_FROM_KERNEL:
            data.fd = ion_share_dma_buf_fd(self.client, self.handle)
            put_user(task, arg, data)
        elif cmd == DMABUF_IOC_TEST_GET_FD_FROM_USER:
            dmabuf = dma_buf_get(task, data.fd, DRIVER)
            dma_buf_begin_cpu_access(dmabuf, BOTH)
            page = dma_buf_kmap(dmabuf, 0)
            assert page is not None
            self.printed.append(page.read(0, 5).tobytes())
            dma_buf_end_cpu_access(dmabuf, BOTH)
            dma_buf_kunmap(dmabuf, 0, page)
            dma_buf_put(dmabuf, DRIVER)
        return 0


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    machine = Machine(load_board(VEXPRESS_ION), models())
    kernel = Kernel(machine, (*DRIVERS, *ION_DRIVERS), generation=Generation.V4_9)
    kernel.boot()
    yield kernel
    for process in list(kernel.processes.values()):
        process.exit()
    assert leaked(kernel) == []
    assert kernel.log.warnings == []
    assert kernel.cache is not None
    assert kernel.cache.incidents == []
    kernel.sched.close()
    machine.close()


def test_the_first_program_asks_for_what_the_dma_heap_never_has(kernel: Kernel) -> None:
    """Section 2.4.1 as printed: cached memory of the CMA heap."""
    app = IonApp(kernel.process("demo"))
    refused(EINVAL, app.alloc, DMA, 1024 * 768 * 4, 0, NEEDS_SYNC)
    number = app.alloc(DMA, 1024 * 768 * 4)
    fd = app.share(number)
    address = app.process.mmap(fd, 1024 * 768 * 4)
    app.process.store(address, bytes(1024 * 768 * 4))
    app.process.munmap(address, 1024 * 768 * 4)
    app.process.close(fd)
    app.free(number)


def test_a_program_shares_its_buffer_with_the_kernel(kernel: Kernel) -> None:
    """Section 3.1.1."""
    driver = DmabufTest(kernel)
    app = IonApp(kernel.process("test"))
    test = app.process.open("/dev/dmabuf-test")
    fd = app.share(app.alloc(SYSTEM, PAGE, 0, NEEDS_SYNC))
    app.process.store(app.process.mmap(fd, PAGE), b"abcd\n")
    app.process.ioctl(test, DMABUF_IOC_TEST_GET_FD_FROM_USER, DmabufTestRwData(fd=fd))
    assert driver.printed == [b"abcd\n"]
    assert app.buffer(1).kmap_cnt == 0


def test_the_kernel_shares_its_buffer_with_a_program(kernel: Kernel) -> None:
    """Section 3.1.2."""
    DmabufTest(kernel)
    process = kernel.process("test")
    test = process.open("/dev/dmabuf-test")
    data = DmabufTestRwData()
    process.ioctl(test, DMABUF_IOC_TEST_GET_FD_FROM_KERNEL, data)
    assert process.load(process.mmap(data.fd, PAGE), 5) == b"efgh\n"


def test_one_program_shares_with_another_and_ends_first(kernel: Kernel) -> None:
    """Section 3.2: the content lives on with the receiver."""
    client, server = IonApp(kernel.process("client")), IonApp(kernel.process("server"))
    fd = client.share(client.alloc(SYSTEM, PAGE, 0, NEEDS_SYNC))
    client.process.store(client.process.mmap(fd, PAGE), b"1234\n")
    there = server.receive(client, fd)
    client.process.exit()
    assert server.process.load(server.process.mmap(there, PAGE), 5) == b"1234\n"
    (buffer,) = server.client.device.buffers
    assert (buffer.handle_count, buffer.kref, buffer.task_comm) == (0, 1, "client")


def test_a_camera_behind_the_iommu_is_told_addresses_that_lead_nowhere(kernel: Kernel) -> None:
    """What comes of the shared table: ION 4.9 maps nothing, so the SMMU lets nothing through."""
    app = IonApp(kernel.process("camera-app"))
    dmabuf = app.dmabuf(app.share(app.alloc(CARVEOUT, 64 * PAGE)))
    node = kernel.machine.tree.find("camera")
    assert node is not None
    camera = kernel.device(node)
    assert camera.behind_iommu
    held = dma_buf_get(app.process, 1, DRIVER)
    attachment = dma_buf_attach(held, camera)
    table = dma_buf_map_attachment(attachment, FROM)
    assert int(table.dma_address[0]) == int(table.starts[0])
    smmu = kernel.machine.model("smmu")
    assert isinstance(smmu, Smmuv3)
    port = DmaPort(kernel.machine.bus.master("camera engine"), 0x11, smmu)
    with pytest.raises(DmaAbort):
        port.write(Iova(int(table.dma_address[0])), dmabuf.priv.frames.view("uint8")[:64])
    dma_buf_unmap_attachment(attachment, table, FROM)
    dma_buf_detach(held, attachment)
    dma_buf_put(held, DRIVER)
