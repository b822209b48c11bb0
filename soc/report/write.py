"""Everything a run leaves in its directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soc.errors import BadInput
from soc.report.html import write_html
from soc.report.json_report import write_json
from soc.report.png import write_png
from soc.verify.result import RunResult

PICTURES = ("first", "last")
"""Names of the pictures a run can leave, each as NAME.png: the first and the last frame shown."""


def check_writable(out: Path) -> None:
    """BadInput if the directory `out` can surely not be made or written; makes nothing."""
    try:
        there = next(path for path in (out, *out.absolute().parents) if path.exists())
        why = None if there.is_dir() else f"{there} is not a directory"
        if why is None and not os.access(there, os.W_OK | os.X_OK):
            why = f"no permission to write in {there}"
    except (OSError, ValueError) as error:
        why = str(error)
    if why:
        raise BadInput(f"cannot write the report to {out}: {why}")


def write_report(result: RunResult, out: Path, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
    """Write report.json, report.html and the pictures into the directory `out`, made if need be.

    `pictures` maps names of `PICTURES` to RGB arrays, shape (height, width, 3).
    A picture of an earlier run that this run does not have is removed, so that
    no report stands beside pictures that are not its own. report.json comes last: where it
    is new, everything is. Raises BadInput if `out` cannot be written.
    """
    unknown = sorted(set(pictures) - set(PICTURES))
    if unknown:
        raise ValueError(f"picture must be one of {', '.join(PICTURES)}, not {unknown[0]!r}")
    names = [name for name in PICTURES if name in pictures]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in PICTURES:
            if name in pictures:
                write_png(pictures[name], out / f"{name}.png")
            else:
                (out / f"{name}.png").unlink(missing_ok=True)
        write_html(result, names, out / "report.html")
        write_json(result, out / "report.json")
    except OSError as error:
        raise BadInput(f"cannot write the report to {out}: {error.strerror}") from error
