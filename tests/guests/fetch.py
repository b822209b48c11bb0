"""`python -m tests.guests.fetch [--full]`: the newest guests from Debian into the cache.

Prints where they are. The tests use what was fetched last; they ask Debian for nothing but what
is not there at all.
"""

from __future__ import annotations

import argparse
import sys

from tests.guests.errors import GuestUnavailable
from tests.guests.packages import CLOUD_KERNEL, FULL_KERNEL, U_BOOT, Packages


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 if every guest is in the cache, 1 if one is not and cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m tests.guests.fetch", description=__doc__)
    parser.add_argument("--full", action="store_true", help="also the kernel with all modules")
    options = parser.parse_args(arguments)
    wanted = [U_BOOT, CLOUD_KERNEL] + [FULL_KERNEL] * options.full
    packages = Packages.of_user()
    try:
        packages.fetch(wanted)
    except GuestUnavailable as error:
        print(f"fetch: {error}", file=sys.stderr)
    missing = [package for package in wanted if not (packages.cache.root / package).exists()]
    for package in wanted:
        print(f"{package}: {'missing' if package in missing else packages.get(package)}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
