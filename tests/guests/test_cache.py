"""Entries of the cache are whole, made once, and survive processes that die while they make one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from tests.guests.cache import Cache, cache_directory


def write_text(text: str, log: Path | None = None) -> Callable[[Path], None]:
    """Makes a file of the text, and adds the text to the log each time."""

    def make(path: Path) -> None:
        if log is not None:
            with log.open("a") as stream:
                stream.write(text)
        path.write_text(text, encoding="utf-8")

    return make


def test_directory_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "dmabuf-soc/guests"


@pytest.mark.parametrize("base", [None, "", "relative"])
def test_without_an_absolute_directory_it_is_below_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if base is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", base)
    assert cache_directory() == tmp_path / ".cache/dmabuf-soc/guests"


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    log = tmp_path / "log"
    for _ in range(3):
        assert cache.get("entry", write_text("x", log)).read_text() == "x"
    assert log.read_text() == "x"


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def make(path: Path) -> None:
        path.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.get("entry", make)
    assert not (tmp_path / "entry").exists()
    assert cache.get("entry", write_text("whole")).read_text() == "whole"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["entry", "lock"]


def test_a_name_moves_from_one_entry_to_the_next(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for version in ("1", "2"):
        entry = cache.get(version, write_text(version))
        with cache.locked():
            cache.point("newest", entry)
        assert (tmp_path / "newest").read_text() == version


def make_in_process(root: Path, log: Path, barrier: Barrier) -> None:
    barrier.wait()
    Cache(root).get("entry", write_text("x", log))


def test_processes_that_want_the_same_make_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    arguments = (tmp_path / "cache", tmp_path / "log", barrier)
    processes = [context.Process(target=make_in_process, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert (tmp_path / "log").read_text() == "x"
