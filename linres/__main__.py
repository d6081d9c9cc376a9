"""`python -m linres` is the `linres` command."""

import sys

from linres.cli import entry

sys.exit(entry())
