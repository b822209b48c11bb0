"""`soc flow`: the list, one flow, its exit status."""

from __future__ import annotations

import pytest

from soc.cli import main
from soc.flows.catalogue import FLOWS
from soc.flows.flow import Act, Flow
from soc.kernel.generation import Generation


def test_without_a_name_it_lists_all_with_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == list(FLOWS)
    assert printed[2] == (
        "dmabuf-test-from-kernel  the test driver of the ION introduction: its buffer goes to a program"
    )


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_ends_as_it_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", name]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{name}: {FLOWS[name].title}\nsource: {FLOWS[name].source}\n")
    assert printed.count("\nends as it says") == len(FLOWS[name].acts)
    assert max(map(len, printed.splitlines())) <= 110


def test_a_flow_that_does_not_end_as_it_says_is_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leak(stage: object) -> None:
        stage.kernel.memory.alloc_pages(1)  # type: ignore[attr-defined]

    flow = Flow(
        "leak", "a page is lost", "nowhere", "A page.", (Act("act", "Lost.", Generation.V6_12, leak),)
    )
    monkeypatch.setitem(FLOWS, "leak", flow)
    assert main(["flow", "leak"]) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "UNEXPECTED: left in the end: free pages -1",
        "DOES NOT END AS IT SAYS",
    ]


def test_an_unknown_flow_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", "none"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"soc: no flow 'none'; known: {', '.join(FLOWS)}\n"


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leave:
        main(["flow", "--help"])
    assert leave.value.code == 0
    assert "example: soc flow exynos-vb2" in capsys.readouterr().out
