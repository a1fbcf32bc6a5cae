"""Each built-in signal takes exactly the fields of its state."""

from datetime import UTC, datetime

from statesig import (
    CACHE,
    CANCEL,
    CRASH,
    FAIL,
    LOOP,
    MAP,
    MAPCANCEL,
    MAPFAIL,
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
    Cancelled,
    ErrorInfo,
    Failed,
    Pending,
    Retrying,
    Running,
    Success,
)

NOW = datetime.now(UTC)
CAUSES = (ErrorInfo(type="OSError", message="disk full"),)

# ---- right: with none but what is required, with each field, with all

PEND()
PEND(message="why")
PEND(result={"rows": 5})
PEND(causes=CAUSES)
PEND(message="why", result=1, causes=CAUSES)
SCHEDULE()
SCHEDULE(message="why")
SCHEDULE(result={"rows": 5})
SCHEDULE(causes=CAUSES)
SCHEDULE(start_time=NOW)
SCHEDULE(start_time=None)
SCHEDULE(message="why", result=1, causes=CAUSES, start_time=NOW)
RESUME()
RESUME(message="why")
RESUME(result={"rows": 5})
RESUME(causes=CAUSES)
RESUME(start_time=NOW)
RESUME(start_time=None)
RESUME(message="why", result=1, causes=CAUSES, start_time=NOW)
RETRY()
RETRY(message="why")
RETRY(result={"rows": 5})
RETRY(causes=CAUSES)
RETRY(start_time=NOW)
RETRY(start_time=None)
RETRY(run_count=2)
RETRY(message="why", result=1, causes=CAUSES, start_time=NOW, run_count=2)
LOOP()
LOOP(message="why")
LOOP(result={"rows": 5})
LOOP(causes=CAUSES)
LOOP(start_time=NOW)
LOOP(start_time=None)
LOOP(loop_count=3)
LOOP(message="why", result=1, causes=CAUSES, start_time=NOW, loop_count=3)
PAUSE()
PAUSE(message="why")
PAUSE(result={"rows": 5})
PAUSE(causes=CAUSES)
PAUSE(until=NOW)
PAUSE(until=None)
PAUSE(message="why", result=1, causes=CAUSES, until=NOW)
QUEUE(state=Pending())
QUEUE(message="why", state=Pending())
QUEUE(result={"rows": 5}, state=Pending())
QUEUE(causes=CAUSES, state=Pending())
QUEUE(state=Retrying(run_count=2))
QUEUE(message="why", result=1, causes=CAUSES, state=Pending())
SUBMIT(state=Pending())
SUBMIT(message="why", state=Pending())
SUBMIT(result={"rows": 5}, state=Pending())
SUBMIT(causes=CAUSES, state=Pending())
SUBMIT(state=Retrying(run_count=2))
SUBMIT(message="why", result=1, causes=CAUSES, state=Pending())
START()
START(message="why")
START(result={"rows": 5})
START(causes=CAUSES)
START(message="why", result=1, causes=CAUSES)
STOP()
STOP(message="why")
STOP(result={"rows": 5})
STOP(causes=CAUSES)
STOP(message="why", result=1, causes=CAUSES)
SUCCESS()
SUCCESS(message="why")
SUCCESS(result={"rows": 5})
SUCCESS(causes=CAUSES)
SUCCESS(message="why", result=1, causes=CAUSES)
CACHE()
CACHE(message="why")
CACHE(result={"rows": 5})
CACHE(causes=CAUSES)
CACHE(expires=NOW)
CACHE(expires=None)
CACHE(message="why", result=1, causes=CAUSES, expires=NOW)
MAP()
MAP(message="why")
MAP(result={"rows": 5})
MAP(causes=CAUSES)
MAP(children=(Success(result=1), Success()))
MAP(children=())
MAP(message="why", result=1, causes=CAUSES, children=(Success(result=1),))
SKIP()
SKIP(message="why")
SKIP(result={"rows": 5})
SKIP(causes=CAUSES)
SKIP(message="why", result=1, causes=CAUSES)
FAIL()
FAIL(message="why")
FAIL(result={"rows": 5})
FAIL(causes=CAUSES)
FAIL(retryable=False)
FAIL(retryable=True)
FAIL(message="why", result=1, causes=CAUSES, retryable=False)
TIMEOUT()
TIMEOUT(message="why")
TIMEOUT(result={"rows": 5})
TIMEOUT(causes=CAUSES)
TIMEOUT(retryable=False)
TIMEOUT(retryable=True)
TIMEOUT(message="why", result=1, causes=CAUSES, retryable=False)
TRIGGERFAIL()
TRIGGERFAIL(message="why")
TRIGGERFAIL(result={"rows": 5})
TRIGGERFAIL(causes=CAUSES)
TRIGGERFAIL(retryable=False)
TRIGGERFAIL(retryable=True)
TRIGGERFAIL(message="why", result=1, causes=CAUSES, retryable=False)
VALIDATIONFAIL()
VALIDATIONFAIL(message="why")
VALIDATIONFAIL(result={"rows": 5})
VALIDATIONFAIL(causes=CAUSES)
VALIDATIONFAIL(retryable=False)
VALIDATIONFAIL(retryable=True)
VALIDATIONFAIL(message="why", result=1, causes=CAUSES, retryable=False)
CRASH()
CRASH(message="why")
CRASH(result={"rows": 5})
CRASH(causes=CAUSES)
CRASH(retryable=False)
CRASH(retryable=True)
CRASH(message="why", result=1, causes=CAUSES, retryable=False)
CANCEL()
CANCEL(message="why")
CANCEL(result={"rows": 5})
CANCEL(causes=CAUSES)
CANCEL(message="why", result=1, causes=CAUSES)
MAPFAIL(children=(Failed(),))
MAPFAIL(message="why", children=(Success(result=1), Failed(), Cancelled()))
MAPFAIL(result={"rows": 5}, causes=CAUSES, retryable=True, children=(Failed(),))
MAPCANCEL(children=(Cancelled(),))
MAPCANCEL(message="why", result=1, causes=CAUSES, children=(Success(result=1), Cancelled()))

# ---- a value of another type

PEND(causes=5)  # E: arg-type
SCHEDULE(causes=(5,))  # E: arg-type
SCHEDULE(start_time="tomorrow")  # E: arg-type
SCHEDULE(start_time=5)  # E: arg-type
RESUME(causes="none")  # E: arg-type
RESUME(start_time="tomorrow")  # E: arg-type
RESUME(start_time=5)  # E: arg-type
RETRY(causes=[*CAUSES])  # E: arg-type
RETRY(start_time="tomorrow")  # E: arg-type
RETRY(start_time=5)  # E: arg-type
RETRY(run_count="2")  # E: arg-type
RETRY(run_count=None)  # E: arg-type
LOOP(causes=CAUSES[0])  # E: arg-type
LOOP(start_time="tomorrow")  # E: arg-type
LOOP(start_time=5)  # E: arg-type
LOOP(loop_count=2.5)  # E: arg-type
LOOP(loop_count=None)  # E: arg-type
PAUSE(causes=(ValueError(),))  # E: arg-type
PAUSE(until=60)  # E: arg-type
QUEUE(causes=ValueError(), state=Pending())  # E: arg-type
QUEUE(state=Running())  # E: arg-type
QUEUE(state=None)  # E: arg-type
SUBMIT(causes=None, state=Pending())  # E: arg-type
SUBMIT(state=Running())  # E: arg-type
SUBMIT(state=None)  # E: arg-type
START(causes=True)  # E: arg-type
STOP(causes=("OSError",))  # E: arg-type
SUCCESS(causes=5)  # E: arg-type
CACHE(causes=(5,))  # E: arg-type
CACHE(expires=60)  # E: arg-type
CACHE(expires="never")  # E: arg-type
MAP(causes="none")  # E: arg-type
MAP(children=(1, 2))  # E: arg-type
MAP(children=(Failed(),))  # E: arg-type
MAP(children=[Success()])  # E: arg-type
SKIP(causes=[*CAUSES])  # E: arg-type
FAIL(causes=CAUSES[0])  # E: arg-type
FAIL(retryable="no")  # E: arg-type
FAIL(retryable=None)  # E: arg-type
TIMEOUT(causes=(ValueError(),))  # E: arg-type
TIMEOUT(retryable="no")  # E: arg-type
TIMEOUT(retryable=None)  # E: arg-type
TRIGGERFAIL(causes=ValueError())  # E: arg-type
TRIGGERFAIL(retryable="no")  # E: arg-type
TRIGGERFAIL(retryable=None)  # E: arg-type
VALIDATIONFAIL(causes=None)  # E: arg-type
VALIDATIONFAIL(retryable="no")  # E: arg-type
VALIDATIONFAIL(retryable=None)  # E: arg-type
CRASH(causes=True)  # E: arg-type
CRASH(retryable="no")  # E: arg-type
CRASH(retryable=None)  # E: arg-type
CANCEL(causes=("OSError",))  # E: arg-type
MAPFAIL(children=(Failed(), Running()))  # E: arg-type
MAPFAIL(children=(Failed(),), retryable="no")  # E: arg-type
MAPCANCEL(children=(Cancelled(), Failed()))  # E: arg-type

# ---- a name that no field has: a misspelt one, and one of another signal

PEND(mesage="why")  # E: call-arg
PEND(results=5)  # E: call-arg
PEND(cause=CAUSES)  # E: call-arg
PEND(owner="me")  # E: call-arg
SCHEDULE(mesage="why")  # E: call-arg
SCHEDULE(results=5)  # E: call-arg
SCHEDULE(cause=CAUSES)  # E: call-arg
SCHEDULE(starttime=NOW)  # E: call-arg
SCHEDULE(start=NOW)  # E: call-arg
SCHEDULE(retryable=True)  # E: call-arg
RESUME(mesage="why")  # E: call-arg
RESUME(results=5)  # E: call-arg
RESUME(cause=CAUSES)  # E: call-arg
RESUME(starttime=NOW)  # E: call-arg
RESUME(start=NOW)  # E: call-arg
RESUME(run_count=2)  # E: call-arg
RETRY(mesage="why")  # E: call-arg
RETRY(results=5)  # E: call-arg
RETRY(cause=CAUSES)  # E: call-arg
RETRY(starttime=NOW)  # E: call-arg
RETRY(start=NOW)  # E: call-arg
RETRY(runcount=2)  # E: call-arg
RETRY(count=2)  # E: call-arg
RETRY(expires=NOW)  # E: call-arg
LOOP(mesage="why")  # E: call-arg
LOOP(results=5)  # E: call-arg
LOOP(cause=CAUSES)  # E: call-arg
LOOP(starttime=NOW)  # E: call-arg
LOOP(start=NOW)  # E: call-arg
LOOP(loopcount=3)  # E: call-arg
LOOP(run_count=3)  # E: call-arg
LOOP(children=())  # E: call-arg
PAUSE(mesage="why")  # E: call-arg
PAUSE(results=5)  # E: call-arg
PAUSE(cause=CAUSES)  # E: call-arg
PAUSE(children=())  # E: call-arg
QUEUE(mesage="why", state=Pending())  # E: call-arg
QUEUE(results=5, state=Pending())  # E: call-arg
QUEUE(cause=CAUSES, state=Pending())  # E: call-arg
QUEUE(stat=Pending())  # E: call-arg
QUEUE(pending=Pending())  # E: call-arg
QUEUE(type="Success", state=Pending())  # E: call-arg
SUBMIT(mesage="why", state=Pending())  # E: call-arg
SUBMIT(results=5, state=Pending())  # E: call-arg
SUBMIT(cause=CAUSES, state=Pending())  # E: call-arg
SUBMIT(stat=Pending())  # E: call-arg
SUBMIT(pending=Pending())  # E: call-arg
SUBMIT(owner="me", state=Pending())  # E: call-arg
START(mesage="why")  # E: call-arg
START(results=5)  # E: call-arg
START(cause=CAUSES)  # E: call-arg
START(retryable=True)  # E: call-arg
STOP(mesage="why")  # E: call-arg
STOP(results=5)  # E: call-arg
STOP(cause=CAUSES)  # E: call-arg
STOP(run_count=2)  # E: call-arg
SUCCESS(mesage="why")  # E: call-arg
SUCCESS(results=5)  # E: call-arg
SUCCESS(cause=CAUSES)  # E: call-arg
SUCCESS(expires=NOW)  # E: call-arg
CACHE(mesage="why")  # E: call-arg
CACHE(results=5)  # E: call-arg
CACHE(cause=CAUSES)  # E: call-arg
CACHE(expire=NOW)  # E: call-arg
CACHE(expiry=NOW)  # E: call-arg
CACHE(start_time=NOW)  # E: call-arg
MAP(mesage="why")  # E: call-arg
MAP(results=5)  # E: call-arg
MAP(cause=CAUSES)  # E: call-arg
MAP(child=(Success(result=1), Failed()))  # E: call-arg
MAP(states=(Success(result=1), Failed()))  # E: call-arg
MAP(type="Success")  # E: call-arg
SKIP(mesage="why")  # E: call-arg
SKIP(results=5)  # E: call-arg
SKIP(cause=CAUSES)  # E: call-arg
SKIP(type="Success")  # E: call-arg
FAIL(mesage="why")  # E: call-arg
FAIL(results=5)  # E: call-arg
FAIL(cause=CAUSES)  # E: call-arg
FAIL(retriable=False)  # E: call-arg
FAIL(retry=False)  # E: call-arg
FAIL(owner="me")  # E: call-arg
TIMEOUT(mesage="why")  # E: call-arg
TIMEOUT(results=5)  # E: call-arg
TIMEOUT(cause=CAUSES)  # E: call-arg
TIMEOUT(retriable=False)  # E: call-arg
TIMEOUT(retry=False)  # E: call-arg
TIMEOUT(run_count=2)  # E: call-arg
TRIGGERFAIL(mesage="why")  # E: call-arg
TRIGGERFAIL(results=5)  # E: call-arg
TRIGGERFAIL(cause=CAUSES)  # E: call-arg
TRIGGERFAIL(retriable=False)  # E: call-arg
TRIGGERFAIL(retry=False)  # E: call-arg
TRIGGERFAIL(run_count=2)  # E: call-arg
VALIDATIONFAIL(mesage="why")  # E: call-arg
VALIDATIONFAIL(results=5)  # E: call-arg
VALIDATIONFAIL(cause=CAUSES)  # E: call-arg
VALIDATIONFAIL(retriable=False)  # E: call-arg
VALIDATIONFAIL(retry=False)  # E: call-arg
VALIDATIONFAIL(expires=NOW)  # E: call-arg
CRASH(mesage="why")  # E: call-arg
CRASH(results=5)  # E: call-arg
CRASH(cause=CAUSES)  # E: call-arg
CRASH(retriable=False)  # E: call-arg
CRASH(retry=False)  # E: call-arg
CRASH(start_time=NOW)  # E: call-arg
CANCEL(mesage="why")  # E: call-arg
CANCEL(results=5)  # E: call-arg
CANCEL(cause=CAUSES)  # E: call-arg
CANCEL(children=())  # E: call-arg
MAPFAIL()  # E: call-arg
MAPFAIL(child=(Failed(),))  # E: call-arg
MAPCANCEL("why")  # E: call-arg
MAPCANCEL(children=(Cancelled(),), retryable=False)  # E: call-arg

# ---- what is required and missing

QUEUE()  # E: call-arg
QUEUE("full")  # E: call-arg
QUEUE(message="full")  # E: call-arg
QUEUE(result=1, causes=CAUSES)  # E: call-arg
SUBMIT()  # E: call-arg
SUBMIT("full")  # E: call-arg
SUBMIT(message="full")  # E: call-arg
SUBMIT(result=1, causes=CAUSES)  # E: call-arg

# ---- the built-in signals are final, as a second signal of a state is an error


class AGAIN0(PEND): ...  # E: misc  # P: statesig


class AGAIN1(SCHEDULE): ...  # E: misc  # P: statesig


class AGAIN2(RESUME): ...  # E: misc  # P: statesig


class AGAIN3(RETRY): ...  # E: misc  # P: statesig


class AGAIN4(LOOP): ...  # E: misc  # P: statesig


class AGAIN5(PAUSE): ...  # E: misc  # P: statesig


class AGAIN6(QUEUE): ...  # E: misc  # P: statesig


class AGAIN7(SUBMIT): ...  # E: misc  # P: statesig


class AGAIN8(START): ...  # E: misc  # P: statesig


class AGAIN9(STOP): ...  # E: misc  # P: statesig


class AGAIN10(SUCCESS): ...  # E: misc  # P: statesig


class AGAIN11(CACHE): ...  # E: misc  # P: statesig


class AGAIN12(MAP): ...  # E: misc  # P: statesig


class AGAIN13(SKIP): ...  # E: misc  # P: statesig


class AGAIN14(FAIL): ...  # E: misc  # P: statesig


class AGAIN15(TIMEOUT): ...  # E: misc  # P: statesig


class AGAIN16(TRIGGERFAIL): ...  # E: misc  # P: statesig


class AGAIN17(VALIDATIONFAIL): ...  # E: misc  # P: statesig


class AGAIN18(CRASH): ...  # E: misc  # P: statesig


class AGAIN19(CANCEL): ...  # E: misc  # P: statesig


class AGAIN20(MAPFAIL): ...  # E: misc  # P: statesig


class AGAIN21(MAPCANCEL): ...  # E: misc  # P: statesig
