"""What imports the origins, and is imported."""

from typing import Any

from defined import origins as first
from defined.origins import STALE as OLD
from defined.origins import Lost
from statesig import Paused, Signal

AGED = OLD
Elsewhere = Lost


class LOSE(Signal[Lost]): ...


class Undecided(Paused[Any], tag="stale"): ...


class UNDECIDED(Signal[Undecided]): ...


class AGAIN(Signal[first.Stale]): ...  # P: statesig
