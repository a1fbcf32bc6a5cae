# ruff: noqa  # written as users write, in every way there is
"""A program's package, for the tests of stubs: it offers what its modules define."""

from . import states
from .signals import *
from .signals import Basket, log as log
from .states import Damaged, Shelf
from statesig import Signal as _Signal


class PACK(_Signal[states.Packed]):
    """Defined in the package itself."""
