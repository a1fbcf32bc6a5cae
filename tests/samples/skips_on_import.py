"""A module that raises a signal where no task is."""

from statesig import SKIP

raise SKIP("not here")
