"""A kernel, a task and two devices for the tests of the framework."""

from __future__ import annotations

import pytest

from soc.kernel.generation import Generation
from soc.kernel.task import Task
from tests.dmabuf.small_kernel import Exporter, SmallDevice, SmallKernel


@pytest.fixture(params=Generation, ids=str)
def generation(request: pytest.FixtureRequest) -> Generation:
    """Every generation; a module that is about some of them parametrizes it."""
    assert isinstance(request.param, Generation)
    return request.param


@pytest.fixture
def kernel(generation: Generation) -> SmallKernel:
    return SmallKernel(generation)


@pytest.fixture
def exporter(kernel: SmallKernel) -> Exporter:
    return Exporter(kernel)


@pytest.fixture
def task(kernel: SmallKernel) -> Task:
    return kernel.task()


@pytest.fixture
def camera(kernel: SmallKernel) -> SmallDevice:
    return SmallDevice(kernel, "camera")


@pytest.fixture
def display(kernel: SmallKernel) -> SmallDevice:
    return SmallDevice(kernel, "display")
