"""What makes a worker one without statesig, where it is loaded before the worker begins."""

import sys

sys.modules["statesig"] = None  # type: ignore[assignment]  # importing it is an error from now on
