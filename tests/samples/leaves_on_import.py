"""A script that was not meant to be imported."""

import sys

sys.exit(0)
