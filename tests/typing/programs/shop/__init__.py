"""A shop: a package that re-exports what its modules define, and keeps the types of it."""

from statesig import SKIP, AnyState, Success, is_successful

from .orders import ORDERS, Line, Order, OrderId
from .orders.checks import check as check_order
from .signals import *  # noqa: F403  # the module says in __all__ what that is
from .signals import BACKORDER as BACKORDER
from .signals import Backordered as Backordered

__all__ = [
    "BACKORDER",
    "ORDERS",
    "SKIP",
    "AnyState",
    "Backordered",
    "Line",
    "Order",
    "OrderId",
    "Success",
    "check_order",
    "is_successful",
]
