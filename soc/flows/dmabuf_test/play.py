"""The introduction's programs, and one that gives the driver a buffer it cannot map."""

from __future__ import annotations

from soc.flows.dmabuf_test.driver import NODE, DmabufTest
from soc.flows.dmabuf_test.printed import PrintedDmabufTest
from soc.flows.exynos.app import CameraApp
from soc.flows.programs import ION_NODE, Program
from soc.flows.stage import Stage
from soc.kernel.faults import FaultSite
from soc.kernel.uapi.dmabuf_test import (
    DMABUF_IOC_TEST_GET_FD_FROM_KERNEL,
    DMABUF_IOC_TEST_GET_FD_FROM_USER,
    DmabufTestRwData,
)

CONTENT = b"abcd\n"


def from_kernel(stage: Stage) -> None:
    """A program reads the driver's buffer."""
    driver = DmabufTest(stage)
    driver.module_init()
    program = Program(stage, "test")
    test = program.open(NODE)
    fd = _get_fd(program, test)
    address = program.mmap(fd)
    program.load(address)
    program.munmap(address)
    program.close(fd)
    program.close(test, "test")
    program.exit()
    driver.module_exit()


def from_kernel_printed(stage: Stage) -> None:
    """The answer cannot be copied out, and the driver is unloaded."""
    driver = PrintedDmabufTest(stage)
    driver.module_init()
    program = Program(stage, "test")
    test = program.open(NODE)
    stage.kernel.faults.fail_nth(2, FaultSite.USERCOPY)
    program.steps.attempt(program.task, "ioctl(GET_FD_FROM_KERNEL)", lambda: _ask(program, test))
    stage.kernel.faults.fail_nth(0)
    program.close(test, "test")
    program.exit()
    driver.module_exit()


def from_user(stage: Stage) -> None:
    """The driver reads a program's buffer."""
    driver = DmabufTest(stage)
    driver.module_init()
    program = Program(stage, "test")
    test = program.open(NODE)
    ion = program.open(ION_NODE)
    handle = program.ion_alloc(ion)
    fd = program.ion_map(ion, handle)
    address = program.mmap(fd)
    program.store(address, CONTENT)
    _give_fd(program, test, fd)
    program.munmap(address)
    program.close(fd)
    program.ion_free(ion, handle)
    program.close(ion, "ion")
    program.close(test, "test")
    program.exit()
    driver.module_exit()


def cannot_map(stage: Stage) -> None:
    """The program's buffer is a GEM object's: there is no kmap, and nothing is left behind."""
    _give_gem(stage, DmabufTest(stage))


def cannot_map_printed(stage: Stage) -> None:
    """The same with the printed driver: the buffer is the driver's for ever, and begun."""
    driver = PrintedDmabufTest(stage)
    _give_gem(stage, driver)


def _give_gem(stage: Stage, driver: DmabufTest) -> None:
    driver.module_init()
    app = CameraApp(stage)
    test = app.steps.call(app.task, f"open {NODE}", lambda: app.task.open(NODE), "fd {}".format)
    handle = app.create()
    fd = app.export(handle)
    args = DmabufTestRwData(fd=fd)
    call = f"ioctl(GET_FD_FROM_USER, fd {fd})"
    app.steps.attempt(app.task, call, lambda: app.task.ioctl(test, DMABUF_IOC_TEST_GET_FD_FROM_USER, args))
    app.close(fd)
    app.gem_close(handle)
    app.steps.call(app.task, "close(test)", lambda: app.task.close(test))
    app.close_card()
    driver.module_exit()


def _get_fd(program: Program, test: int) -> int:
    return program.steps.call(
        program.task, "ioctl(GET_FD_FROM_KERNEL)", lambda: _ask(program, test), "fd {}".format
    )


def _ask(program: Program, test: int) -> int:
    args = DmabufTestRwData()
    program.task.ioctl(test, DMABUF_IOC_TEST_GET_FD_FROM_KERNEL, args)
    return args.fd


def _give_fd(program: Program, test: int, fd: int) -> None:
    args = DmabufTestRwData(fd=fd)

    def give() -> None:
        program.task.ioctl(test, DMABUF_IOC_TEST_GET_FD_FROM_USER, args)

    program.steps.call(program.task, f"ioctl(GET_FD_FROM_USER, fd {fd})", give)
