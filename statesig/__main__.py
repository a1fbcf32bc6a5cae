"""Entry point of ``python -m statesig``, which is the `statesig` command."""

import sys

from statesig.cli import main

if __name__ == "__main__":  # tools that inspect all modules import this one, too
    sys.exit(main())
