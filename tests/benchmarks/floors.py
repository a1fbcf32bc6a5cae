"""The bare models: what a user would write who has Pydantic and not statesig.

Frozen models with the fields of a state in their order and the tag as a Literal; no other option is set, and so none
that would slow them down (``extra="forbid"`` alone costs a fifth of a construction). They sit at the top of a module
so that they can be pickled.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class BareError(BaseModel):
    """The fields of `statesig.ErrorInfo`."""

    model_config = ConfigDict(frozen=True)

    type: str
    message: str
    notes: tuple[str, ...] = ()
    traceback: str | None = None


class BareSuccess(BaseModel):
    """The fields of `statesig.Success`."""

    model_config = ConfigDict(frozen=True)

    type: Literal["Success"] = "Success"
    message: str | None = None
    result: Any = None
    causes: tuple[BareError, ...] = ()


class BareSkipped(BaseModel):
    """The fields of `statesig.Skipped`."""

    model_config = ConfigDict(frozen=True)

    type: Literal["Skipped"] = "Skipped"
    message: str | None = None
    result: Any = None
    causes: tuple[BareError, ...] = ()


class BareRunning(BaseModel):
    """The fields of `statesig.Running`."""

    model_config = ConfigDict(frozen=True)

    type: Literal["Running"] = "Running"
    message: str | None = None
    result: Any = None
    causes: tuple[BareError, ...] = ()


class BareRetrying(BaseModel):
    """The fields of `statesig.Retrying`."""

    model_config = ConfigDict(frozen=True)

    type: Literal["Retrying"] = "Retrying"
    message: str | None = None
    result: Any = None
    causes: tuple[BareError, ...] = ()
    start_time: datetime | None = None
    run_count: int = 1


class BareFailed(BaseModel):
    """The fields of `statesig.Failed`."""

    model_config = ConfigDict(frozen=True)

    type: Literal["Failed"] = "Failed"
    message: str | None = None
    result: Any = None
    causes: tuple[BareError, ...] = ()
    retryable: bool = True


class Order(BaseModel):
    """A result of a declared type, of which `encode` cannot know beforehand that it reads back."""

    number: int
    customer: str
    placed: datetime


class BareOrdered(BareSuccess):
    """The fields of ``Success[Order]``."""

    result: Order | None = None


class BarePriced(BareSuccess):
    """The fields of ``Success[Decimal]``."""

    result: Decimal | None = None
