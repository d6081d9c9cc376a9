"""`python -m linres` is the `linres` command."""

import sys

from linres.cli import main

sys.exit(main())
