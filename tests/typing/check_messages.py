"""The message of a signal is a text or None, by name or by position, and the only thing by position."""

from datetime import UTC, datetime

from statesig import (
    CACHE,
    CANCEL,
    CRASH,
    FAIL,
    LOOP,
    MAP,
    PAUSE,
    PEND,
    QUEUE,
    RESUME,
    RETRY,
    SCHEDULE,
    SKIP,
    START,
    STOP,
    SUBMIT,
    SUCCESS,
    TIMEOUT,
    TRIGGERFAIL,
    VALIDATIONFAIL,
    Pending,
    Success,
)

NOW = datetime.now(UTC)
WHY: str | None = None

# ---- right

PEND("why")
PEND(None)
PEND(WHY)
SCHEDULE("why")
SCHEDULE(None)
SCHEDULE(WHY)
RESUME("why")
RESUME(None)
RESUME(WHY)
RETRY("why")
RETRY(None)
RETRY(WHY)
LOOP("why")
LOOP(None)
LOOP(WHY)
PAUSE("why")
PAUSE(None)
PAUSE(WHY)
QUEUE("why", state=Pending())
QUEUE(None, state=Pending())
QUEUE(WHY, state=Pending())
SUBMIT("why", state=Pending())
SUBMIT(None, state=Pending())
SUBMIT(WHY, state=Pending())
START("why")
START(None)
START(WHY)
STOP("why")
STOP(None)
STOP(WHY)
SUCCESS("why")
SUCCESS(None)
SUCCESS(WHY)
CACHE("why")
CACHE(None)
CACHE(WHY)
MAP("why")
MAP(None)
MAP(WHY)
SKIP("why")
SKIP(None)
SKIP(WHY)
FAIL("why")
FAIL(None)
FAIL(WHY)
TIMEOUT("why")
TIMEOUT(None)
TIMEOUT(WHY)
TRIGGERFAIL("why")
TRIGGERFAIL(None)
TRIGGERFAIL(WHY)
VALIDATIONFAIL("why")
VALIDATIONFAIL(None)
VALIDATIONFAIL(WHY)
CRASH("why")
CRASH(None)
CRASH(WHY)
CANCEL("why")
CANCEL(None)
CANCEL(WHY)

# ---- of another type

PEND(5)  # E: arg-type
PEND(message=ValueError())  # E: arg-type
SCHEDULE(b"why")  # E: arg-type
SCHEDULE(message=True)  # E: arg-type
RESUME(ValueError())  # E: arg-type
RESUME(message=["why"])  # E: arg-type
RETRY(True)  # E: arg-type
RETRY(message=5)  # E: arg-type
LOOP(["why"])  # E: arg-type
LOOP(message=b"why")  # E: arg-type
PAUSE(5)  # E: arg-type
PAUSE(message=ValueError())  # E: arg-type
QUEUE(b"why", state=Pending())  # E: arg-type
QUEUE(message=True, state=Pending())  # E: arg-type
SUBMIT(ValueError(), state=Pending())  # E: arg-type
SUBMIT(message=["why"], state=Pending())  # E: arg-type
START(True)  # E: arg-type
START(message=5)  # E: arg-type
STOP(["why"])  # E: arg-type
STOP(message=b"why")  # E: arg-type
SUCCESS(5)  # E: arg-type
SUCCESS(message=ValueError())  # E: arg-type
CACHE(b"why")  # E: arg-type
CACHE(message=True)  # E: arg-type
MAP(ValueError())  # E: arg-type
MAP(message=["why"])  # E: arg-type
SKIP(True)  # E: arg-type
SKIP(message=5)  # E: arg-type
FAIL(["why"])  # E: arg-type
FAIL(message=b"why")  # E: arg-type
TIMEOUT(5)  # E: arg-type
TIMEOUT(message=ValueError())  # E: arg-type
TRIGGERFAIL(b"why")  # E: arg-type
TRIGGERFAIL(message=True)  # E: arg-type
VALIDATIONFAIL(ValueError())  # E: arg-type
VALIDATIONFAIL(message=["why"])  # E: arg-type
CRASH(True)  # E: arg-type
CRASH(message=5)  # E: arg-type
CANCEL(["why"])  # E: arg-type
CANCEL(message=b"why")  # E: arg-type

# ---- nothing else is taken by position

PEND("why", 1)  # E: call-arg
SCHEDULE("why", NOW)  # E: call-arg
RESUME("why", NOW)  # E: call-arg
RETRY("why", NOW)  # E: call-arg
LOOP("why", NOW)  # E: call-arg
PAUSE("why", 1)  # E: call-arg
QUEUE("why", Pending())  # E: call-arg
SUBMIT("why", Pending())  # E: call-arg
START("why", 1)  # E: call-arg
STOP("why", 1)  # E: call-arg
SUCCESS("why", 1)  # E: call-arg
CACHE("why", NOW)  # E: call-arg
MAP("why", (Success(result=1), Success()))  # E: call-arg
SKIP("why", 1)  # E: call-arg
FAIL("why", False)  # E: call-arg
TIMEOUT("why", False)  # E: call-arg
TRIGGERFAIL("why", False)  # E: call-arg
VALIDATIONFAIL("why", False)  # E: call-arg
CRASH("why", False)  # E: call-arg
CANCEL("why", 1)  # E: call-arg

# ---- twice

SKIP("why", message="why")  # E: misc
FAIL("why", message="why")  # E: misc
RETRY("why", message="why")  # E: misc
