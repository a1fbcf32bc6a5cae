"""A state and its signal in a module that is loaded again, as a notebook's cell is."""

from statesig import Failed, Signal


class Misfiled(Failed):
    """In the wrong folder."""


class MISFILE(Signal[Misfiled]):
    """It is in the wrong folder."""
