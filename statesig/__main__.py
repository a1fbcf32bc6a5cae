"""``python -m statesig``: the `statesig` command."""

import sys

from statesig.cli import main

if __name__ == "__main__":  # tools that look at all modules import this one, too
    sys.exit(main())
