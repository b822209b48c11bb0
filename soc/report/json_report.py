"""report.json: the run for machines. The contract is `RunResult.as_json`."""

from __future__ import annotations

import json
from pathlib import Path

from soc.report.files import whole_file
from soc.verify.result import RunResult


def write_json(result: RunResult, path: Path) -> None:
    """Write the result as one JSON object, indented, pure ASCII, newline at the end. Raises OSError."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps(result.as_json(), indent=2) + "\n", encoding="ascii")
