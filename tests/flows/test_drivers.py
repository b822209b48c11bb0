"""The flows' own drivers, beyond what the flows do with them: errno, and failures at every place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import EFAULT, EINVAL, EMFILE, ENODEV, ENOTTY

import pytest

from heaps.ion.client import ion_client_destroy
from soc.dmabuf import dma_buf_put, dma_bufs
from soc.errors import SocError
from soc.flows.dmabuf_test import play as dmabuf_test
from soc.flows.dmabuf_test.driver import NODE, DmabufTest
from soc.flows.exynos import right
from soc.flows.framebuffer import play as framebuffer
from soc.flows.framebuffer.as_asked import AsAsked
from soc.flows.framebuffer.corrected import Corrected
from soc.flows.framebuffer.device import FB_NODE, FBIO_IMPORT, FBIO_SHARE
from soc.flows.heaps import play as heaps
from soc.flows.processes import play as processes
from soc.flows.stage import Stage
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.generation import Generation
from soc.kernel.uapi.dmabuf_test import (
    DMABUF_IOC_TEST_GET_FD_FROM_KERNEL,
    DMABUF_IOC_TEST_GET_FD_FROM_USER,
    DmabufTestRwData,
)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage(Generation.V4_9)
    yield made
    made.close()


def refused(errno: int, call: Callable[..., object], *args: object) -> None:
    with pytest.raises(KernelError) as caught:
        call(*args)
    assert caught.value.errno == errno


# --- /dev/dmabuf-test -----------------------------------------------------------------------


def test_dmabuf_test_errno(stage: Stage) -> None:
    driver = DmabufTest(stage)
    driver.module_init()
    app = stage.process("app")
    fd = app.open(NODE)
    assert app.readlink(fd) == NODE
    give, get = DMABUF_IOC_TEST_GET_FD_FROM_USER, DMABUF_IOC_TEST_GET_FD_FROM_KERNEL
    refused(ENOTTY, app.ioctl, fd, 0x4020_44F7, DmabufTestRwData())
    refused(EINVAL, app.ioctl, fd, (get & ~(0x3FFF << 16)) | 33 << 16, bytearray(33))
    refused(EFAULT, app.ioctl, fd, get, 0xDEAD000)
    refused(EINVAL, app.ioctl, fd, give, DmabufTestRwData(fd=77))
    refused(EINVAL, app.ioctl, fd, give, DmabufTestRwData(fd=fd))
    app.files.limit = 1
    refused(EMFILE, app.ioctl, fd, get, DmabufTestRwData())
    assert driver.heard == []
    app.exit()
    driver.module_exit()
    assert stage.end() == []


def test_an_fd_that_cannot_be_told_is_closed(stage: Stage) -> None:
    driver = DmabufTest(stage)
    driver.module_init()
    app = stage.process("app")
    fd = app.open(NODE)
    stage.kernel.faults.fail_nth(2, FaultSite.USERCOPY)
    refused(EFAULT, app.ioctl, fd, DMABUF_IOC_TEST_GET_FD_FROM_KERNEL, DmabufTestRwData())
    assert app.files.open_fds() == [fd]
    app.exit()
    driver.module_exit()
    assert stage.end() == []


def test_dmabuf_test_needs_ion(stage: Stage) -> None:
    stage.kernel.shutdown()
    refused(517, DmabufTest(stage).module_init)
    assert stage.kernel.devfs.list() == []


# --- /dev/fb0 ---------------------------------------------------------------------------------


def test_framebuffer_errno(stage: Stage) -> None:
    insmod, app = stage.process("insmod"), stage.process("app")
    driver = Corrected(stage)
    driver.module_init(insmod)
    fb = app.open(FB_NODE)
    assert app.readlink(fb) == FB_NODE
    refused(ENOTTY, app.ioctl, fb, 0x46FF, 0)
    app.files.limit = fb + 1
    refused(EMFILE, app.ioctl, fb, FBIO_SHARE, 0)
    assert driver.dmabuf.file.held_by() == "kernel fb g_dma_buf"
    for _ in range(3):
        app.ioctl(fb, FBIO_IMPORT, 0)
    app.exit()
    driver.module_exit(insmod)
    assert stage.end() == []


def test_the_driver_as_asked_about_has_neither_mmap_nor_fds(stage: Stage) -> None:
    insmod, app = stage.process("insmod"), stage.process("app")
    AsAsked(stage).module_init(insmod)
    fb = app.open(FB_NODE)
    refused(ENODEV, app.mmap, fb, 4096)
    refused(ENOTTY, app.ioctl, fb, FBIO_SHARE, 0)


def test_put_unused_fd_loses_the_reference_also_when_the_number_is_used_again(stage: Stage) -> None:
    insmod = stage.process("insmod")
    driver = AsAsked(stage)
    driver.module_init(insmod)
    assert insmod.open("/dev/ion") == 0
    assert driver.dmabuf.file.held_by() == "fd 0 of insmod (pid 100), overwritten and lost"
    assert stage.kernel.log.warnings[-1] == (
        "alloc_fd: slot 0 not NULL! insmod (pid 100) loses its reference to dma-buf 1 'ion'"
    )


# --- every place fails once ---------------------------------------------------------------------

RIGHT = {
    "framebuffer": (framebuffer.corrected, Generation.V4_9),
    "dmabuf-test from kernel": (dmabuf_test.from_kernel, Generation.V4_9),
    "dmabuf-test from user": (dmabuf_test.from_user, Generation.V4_9),
    "dmabuf-test that cannot map": (dmabuf_test.cannot_map, Generation.V4_9),
    "exynos": (right.play, Generation.V2011),
    "processes": (processes.right, Generation.V4_9),
    "dma-heap": (heaps.dma_heap, Generation.V6_12),
    "ion": (heaps.ion, Generation.V4_9),
}


BEGUN = "is still mapped by the kernel, kmap_cnt 1"
"""What ION of 4.9 says of a program that ends between the START and the END of its CPU access."""


def unload(stage: Stage) -> None:
    """What the flow's end would have done for the drivers it loaded: their clients and nodes go."""
    for process in list(stage.kernel.processes.values()):
        process.exit()
    for dmabuf in dma_bufs(stage.kernel):
        for holder in list(dmabuf.file.holders):
            assert holder.who == "fb g_dma_buf", dmabuf.file.held_by()
            dma_buf_put(dmabuf, holder)
    for client in list(stage.idev.clients):
        assert client.name in ("fb", "dmabuf-test-client"), client
        ion_client_destroy(client)


@pytest.mark.parametrize("name", RIGHT)
def test_wherever_a_right_flow_fails_its_drivers_leave_nothing(name: str) -> None:
    """But what a driver holds while it is loaded, and that a program's end gives back what it has."""
    play, generation = RIGHT[name]
    nth = 0
    while True:
        nth += 1
        stage = Stage(generation)
        stage.kernel.faults.fail_nth(nth)
        with suppress(SocError):
            play(stage)
        failed = stage.kernel.faults.failed
        stage.kernel.faults.fail_nth(0)
        unload(stage)
        assert stage.end() == [], failed
        stage.kernel.shutdown()
        assert [words for words in stage.kernel.log.warnings if BEGUN not in words] == [], failed
        stage.close()
        if failed is None:
            break
    assert nth > 5
