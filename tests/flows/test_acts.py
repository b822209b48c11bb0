"""Every act: its table of counts, what is found, and that nothing else is wrong or left."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from soc.flows.catalogue import FLOWS
from soc.flows.flow import Act, Played
from soc.flows.stage import play
from soc.kernel.errors import KernelError
from tests.flows.compact import lines

TABLES = Path(__file__).with_name("tables")
ACTS = {f"{flow.name}.{act.name}": act for flow in FLOWS.values() for act in flow.acts}
each_act = pytest.mark.parametrize("name", ACTS)

WRONG = {
    "framebuffer-as-asked.as-asked",
    "dmabuf-test-from-kernel.as-printed",
    "dmabuf-test-from-user.as-printed",
    "exynos-vb2.put-before-detach",
    "exynos-vb2.put-in-detach",
    "exynos-vb2.importer-frees",
    "exynos-vb2.get-shared-cnt",
    "share-between-processes.as-printed",
}
"""Acts that show a mistake."""


@cache
def played(name: str) -> Played:
    return play(ACTS[name])


def test_every_source_that_tells_a_flow_has_one() -> None:
    assert list(FLOWS) == [
        "framebuffer-as-asked",
        "framebuffer",
        "dmabuf-test-from-kernel",
        "dmabuf-test-from-user",
        "exynos-vb2",
        "share-between-processes",
        "heaps-rfc",
    ]
    assert {flow.source for flow in FLOWS.values()} == {
        "ion-fb-driver-mail.txt",
        "ion-introduction-zh.txt",
        "dma-buf-lifetime-thread-2012.txt",
        "dma-buf-heaps-rfc-2019.txt",
    }


@each_act
def test_the_counts_after_each_step(name: str) -> None:
    table = (TABLES / f"{name}.txt").read_text(encoding="utf-8")
    assert lines(played(name)) == table.splitlines()


def test_there_is_no_table_without_an_act() -> None:
    assert {path.stem for path in TABLES.iterdir()} == set(ACTS)


@each_act
def test_what_is_complained_of_is_what_the_act_says_and_nothing_else(name: str) -> None:
    act = played(name)
    assert act.broke_off == ""
    assert list(act.complaints) == [finding.words for finding in act.act.findings]
    assert act.held


def test_mistakes_are_found_and_what_is_right_is_silent() -> None:
    assert {name for name in ACTS if played(name).complaints} == WRONG


@each_act
def test_every_count_is_the_sum_of_its_holders(name: str) -> None:
    for step in played(name).steps:
        for change in step.counts:
            times = [re.search(r" \((\d+) times\)$", holder) for holder in change.count.holders]
            assert sum(int(match[1]) if match else 1 for match in times) == change.count.total


@each_act
def test_the_last_step_of_a_right_act_leaves_no_count(name: str) -> None:
    last = played(name).steps[-1]
    left = [change.count.what for change in last.counts if change.count.total]
    lost = name in ("dmabuf-test-from-kernel.as-printed", "dmabuf-test-from-user.as-printed")
    assert bool(left) is lost


@each_act
def test_an_act_is_the_same_each_time(name: str) -> None:
    again = play(ACTS[name])
    assert (again.steps, again.complaints) == (played(name).steps, played(name).complaints)


# --- which step is complained of --------------------------------------------------------


def culprits(name: str) -> list[tuple[str, int]]:
    """(call, how many complaints) of the steps that cause some."""
    return [(step.call, len(step.complaints)) for step in played(name).steps if step.complaints]


def test_the_framebuffer_driver_is_caught_at_each_of_its_mistakes() -> None:
    assert culprits("framebuffer-as-asked.as-asked") == [
        ("put_unused_fd(fd 0): believes that it is unused", 1),
        ("fd = dma_buf_fd(g_dma_buf): believes that it takes a reference", 1),
        ("dma_buf_put(g_dma_buf): believes to give that back", 1),
        ("put_unused_fd(fd 1)", 1),
        ("exit", 2),
        ("fd = dma_buf_fd(g_dma_buf): believes that it takes a reference", 1),
        ("dma_buf_put(g_dma_buf)", 1),
        ("exit", 2),
    ]


def test_a_client_s_ioctl_kills_the_global_framebuffer() -> None:
    steps = played("framebuffer-as-asked.as-asked").steps
    killing = [
        step
        for step in steps
        if any(c.count.what.startswith("dma-buf") and not c.count.total for c in step.counts)
    ]
    assert [(step.who, step.depth) for step in killing] == [("fb", 1)]
    assert steps[steps.index(killing[0]) - 3].who == "launcher (pid 101)"


def test_the_wrong_importers_are_caught_where_they_go_wrong() -> None:
    assert culprits("exynos-vb2.put-before-detach") == [
        ("dma_buf_put", 2),
        ("audit", 1),
        ("dma_buf_unmap_attachment", 1),
        ("dma_buf_detach", 1),
    ]
    assert culprits("exynos-vb2.put-in-detach") == [("dma_buf_put", 1)]
    assert culprits("exynos-vb2.importer-frees") == [
        ("ioctl(MODE_CREATE_DUMB, 128x128, 32 bits)", 2),
        ("ioctl(GEM_CLOSE, handle 1)", 1),
    ]


def test_both_importers_hear_of_two_sharers_and_neither_frees() -> None:
    told = [(step.who, step.result) for step in played("exynos-vb2.get-shared-cnt").steps if step.result]
    assert told == [
        ("exporter", "dma-buf 1 'counted'"),
        ("exynos-drm", "2"),
        ("fimc", "2"),
        ("exynos-drm", "somebody else will free it"),
        ("fimc", "somebody else will free it"),
    ]


def test_the_right_importer_puts_last_and_the_exporter_frees_then() -> None:
    steps = {step.call: step for step in played("exynos-vb2.right").steps}
    gone = steps["ioctl(VIDIOC_REQBUFS, 0): unmap, detach, dma_buf_put"]
    assert [(change.count.what, change.number) for change in gone.counts] == [
        ("dma-buf 2 'exynos'", "0 (was 1)"),
        ("gem object 1 of card0", "0 (was 1)"),
    ]
    held = steps["ioctl(GEM_CLOSE, handle 1)"]
    assert [change.who for change in held.counts] == [
        "importer fimc capture slot 0 plane 0",
        "dma-buf 2 'exynos'",
    ]


def test_the_message_alone_keeps_the_buffer_between_the_programs() -> None:
    steps = {step.call: step for step in played("share-between-processes.sender-gone").steps}
    assert [change.who for change in steps["close(fd 1)"].counts][0] == (
        "message from client (pid 101) to unix socket 3"
    )
    assert [change.count.holders for change in steps["exit"].counts] == []
    assert steps["reads"].result == r"b'1234\n'"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dmabuf-test-from-kernel.corrected", r"b'efgh\n'"),
        ("dmabuf-test-from-user.corrected", r"b'abcd\n'"),
        ("heaps-rfc.dma-heap", r"b'from a heap\n'"),
        ("heaps-rfc.ion", r"b'from a heap\n'"),
    ],
)
def test_what_one_side_wrote_the_other_reads(name: str, text: str) -> None:
    assert text in [step.result for step in played(name).steps if step.call in ("reads", "printk")]


def test_all_programs_see_one_picture() -> None:
    seen = [step.result for step in played("framebuffer.corrected").steps if step.call == "looks"]
    assert seen == ["one picture for all"] * 2


# --- negative controls of the judgement ----------------------------------------------------


def altered(name: str, **changes: object) -> Played:
    act = ACTS[name]
    fields = {field: getattr(act, field) for field in ("name", "text", "generation", "play", "findings")}
    return play(Act(**(fields | changes)))  # type: ignore[arg-type]


def test_a_mistake_nobody_announced_fails_the_act() -> None:
    result = altered("exynos-vb2.put-in-detach", findings=())
    assert not result.held
    assert len(result.unexpected) == 1


def test_a_mistake_that_is_not_made_fails_the_act() -> None:
    findings = ACTS["exynos-vb2.put-in-detach"].findings
    result = altered("exynos-vb2.right", findings=findings)
    assert not result.held
    assert result.missing == findings


def test_an_act_that_breaks_off_has_failed() -> None:
    def play_badly(stage: object) -> None:
        raise KernelError(22, "the flow cannot go on")

    result = altered("heaps-rfc.ion", play=play_badly)
    assert (result.broke_off, result.held) == ("-EINVAL: the flow cannot go on", False)
