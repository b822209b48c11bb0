"""docs/bridge.md: its programs run as they stand, and what it says of numbers is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from soc.bridge.payload import MOST_RUNS
from soc.bridge.server import MOST_PEERS
from soc.bridge.session import MOST_GIFTS, MOST_TICKETS
from soc.dmabuf import dma_buf_fd
from tests.bridge.bench import ROOT, Board, Paged

TEXT = (ROOT / "docs" / "bridge.md").read_text(encoding="utf-8")
SOCKET = "/run/user/1000/board/bridge"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_programs_of_the_page_work_together(board: Board, tmp_path: Path) -> None:
    publish, take, client = (block.replace(SOCKET, str(tmp_path / "page")) for block in BLOCKS)
    app = board.kernel.process("app")
    frame: Paged = board.scattered()
    names: dict[str, Any] = {"kernel": board.kernel, "app": app, "fd": dma_buf_fd(app, frame.dmabuf)}
    exec(publish, names)
    assert frame.holders() == "fd 0 of app (pid 100), kernel bridge, as frame"
    child = subprocess.Popen([sys.executable, "-c", client], cwd=ROOT, stdout=subprocess.PIPE)
    exec(take, names)
    printed = int(child.communicate(timeout=60)[0])
    assert child.returncode == 0
    assert app.fstat(names["result"]).st_ino == printed
    assert app.load(app.mmap(names["result"], 1 << 20), 5) == b"hello"
    assert bytes(board.bytes_of(frame.frames)[:4]) == bytes([1, 2, 3, 4])
    names["server"].close()
    app.exit()
    assert board.kernel.files.live() == []


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    assert f"{MOST_RUNS:,} runs of pages" in TEXT
    assert f"{MOST_PEERS} clients at a time, {MOST_TICKETS} buffers a client, {MOST_GIFTS} gifts" in TEXT
