"""Fails if any test of a JUnit report was skipped, or if there was none: `no_skips.py junit.xml`."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def main(report: Path) -> int:
    cases = list(ElementTree.parse(report).iter("testcase"))
    skipped = [(case, skip) for case in cases for skip in case.iter("skipped")]
    for case, skip in skipped:
        print(f"skipped: {case.get('classname')}::{case.get('name')}: {skip.get('message')}", file=sys.stderr)
    print(f"{len(cases)} tests, {len(skipped)} skipped")
    return 1 if skipped or not cases else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
