"""Ctrl-C is a note the first time and an exception the second."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from soc.sigint import Interrupts
from tests.scenario.writing import load, run_scenario


def test_the_first_is_noted_the_second_raises() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        assert not interrupts.seen()
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.seen()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_machine_that_is_not_wanted_any_more_stops_between_slices(tmp_path: Path) -> None:
    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run_scenario(load(tmp_path), seen.append, lambda: len(seen) == 2)
    assert seen == [1, 2]
