"""The text of /sys/kernel/debug/sync/info, to the byte."""

from __future__ import annotations

from errno import EACCES

import pytest

from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from tests.fence.bench import make_fence
from tests.sync.bench import INFO, App

END = "fences:\n--------------\n"


def test_without_timelines_there_are_two_headings(kernel: KernelCore) -> None:
    assert kernel.views.read(INFO) == "objs:\n--------------\n" + END


def test_each_timeline_has_its_value_and_the_fences_to_come(kernel: KernelCore, app: App) -> None:
    one, two = app.timeline(), App(kernel, "other").timeline()
    for value in (7, 1, 3):
        app.fence(one, value)
    app.inc(one, 2)
    assert two == 0
    assert kernel.views.read(INFO) == (
        "objs:\n--------------\napp: 2\n  fence active: 3 / 2\n  fence active: 7 / 2\n\nother: 0\n\n" + END
    )


@pytest.mark.parametrize(("by", "value"), [(0x7FFF_FFFF, 2147483647), (0x8000_0000, -2147483648)], ids=hex)
def test_the_value_is_printed_as_an_int(kernel: KernelCore, app: App, by: int, value: int) -> None:
    app.inc(app.timeline(), by)
    assert kernel.views.read(INFO) == f"objs:\n--------------\napp: {value}\n\n{END}"


def test_a_fence_is_printed_as_a_u32(kernel: KernelCore, app: App) -> None:
    timeline = app.timeline()
    app.inc(timeline, 0xFFFF_FFFF)
    app.fence(timeline, 5)
    app.inc(timeline, 0xFFFF_FFFF)
    app.fence(timeline, 0xFFFF_FFFF)
    assert kernel.views.read(INFO) == (
        "objs:\n--------------\napp: -2\n  fence active: 4294967295 / -2\n\n" + END
    )


def test_fences_of_a_closed_timeline_show_their_error_and_time(kernel: KernelCore, app: App) -> None:
    timeline = app.timeline()
    app.fence(timeline, 1)
    kernel.clock.advance(2_000_000_345)
    app.process.close(timeline)
    assert kernel.views.read(INFO) == (
        "objs:\n--------------\napp: 0\n  fence error@2.000000345: 1 / 0\n\n" + END
    )


def test_fences_of_other_drivers_and_files_do_not_show(kernel: KernelCore, app: App) -> None:
    app.hand_out(make_fence(kernel))
    assert kernel.views.read(INFO) == "objs:\n--------------\n" + END


def test_a_timeline_without_file_and_fences_is_gone(kernel: KernelCore, app: App) -> None:
    timeline = app.timeline()
    fence = app.fence(timeline, 1)
    for fd in (timeline, fence):
        app.process.close(fd)
    assert kernel.views.read(INFO) == "objs:\n--------------\n" + END


def test_it_cannot_be_written(kernel: KernelCore) -> None:
    with pytest.raises(KernelError) as refused:
        kernel.views.write(INFO, "1")
    assert refused.value.errno == EACCES
