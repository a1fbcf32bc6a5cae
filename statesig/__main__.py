"""``python -m statesig``: the `statesig` command."""

import sys

from statesig.cli import main

sys.exit(main())
