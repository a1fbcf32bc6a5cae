"""A module whose own import is missing."""

import statesig_no_such_dependency  # noqa: F401
