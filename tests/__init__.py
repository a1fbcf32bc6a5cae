"""The tests. A folder for each package of statesig; what they share is in `harness`, `samples` and `tools`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""
