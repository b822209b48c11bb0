"""`python -m soc` is the command `soc`."""

import sys

from soc.cli import main

sys.exit(main())
