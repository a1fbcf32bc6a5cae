"""Each built-in signal takes exactly the fields of its state; no marked line here is flagged without the stub."""

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

PEND(causes=5)  # S: arg-type
SCHEDULE(causes=(5,))  # S: arg-type
SCHEDULE(start_time="tomorrow")  # S: arg-type
SCHEDULE(start_time=5)  # S: arg-type
RESUME(causes="none")  # S: arg-type
RESUME(start_time="tomorrow")  # S: arg-type
RESUME(start_time=5)  # S: arg-type
RETRY(causes=[*CAUSES])  # S: arg-type
RETRY(start_time="tomorrow")  # S: arg-type
RETRY(start_time=5)  # S: arg-type
RETRY(run_count="2")  # S: arg-type
RETRY(run_count=None)  # S: arg-type
LOOP(causes=CAUSES[0])  # S: arg-type
LOOP(start_time="tomorrow")  # S: arg-type
LOOP(start_time=5)  # S: arg-type
LOOP(loop_count=2.5)  # S: arg-type
LOOP(loop_count=None)  # S: arg-type
PAUSE(causes=(ValueError(),))  # S: arg-type
PAUSE(until=60)  # S: arg-type
QUEUE(causes=ValueError(), state=Pending())  # S: arg-type
QUEUE(state=Running())  # S: arg-type
QUEUE(state=None)  # S: arg-type
SUBMIT(causes=None, state=Pending())  # S: arg-type
SUBMIT(state=Running())  # S: arg-type
SUBMIT(state=None)  # S: arg-type
START(causes=True)  # S: arg-type
STOP(causes=("OSError",))  # S: arg-type
SUCCESS(causes=5)  # S: arg-type
CACHE(causes=(5,))  # S: arg-type
CACHE(expires=60)  # S: arg-type
CACHE(expires="never")  # S: arg-type
MAP(causes="none")  # S: arg-type
MAP(children=(1, 2))  # S: arg-type
MAP(children=(Failed(),))  # S: arg-type
MAP(children=[Success()])  # S: arg-type
SKIP(causes=[*CAUSES])  # S: arg-type
FAIL(causes=CAUSES[0])  # S: arg-type
FAIL(retryable="no")  # S: arg-type
FAIL(retryable=None)  # S: arg-type
TIMEOUT(causes=(ValueError(),))  # S: arg-type
TIMEOUT(retryable="no")  # S: arg-type
TIMEOUT(retryable=None)  # S: arg-type
TRIGGERFAIL(causes=ValueError())  # S: arg-type
TRIGGERFAIL(retryable="no")  # S: arg-type
TRIGGERFAIL(retryable=None)  # S: arg-type
VALIDATIONFAIL(causes=None)  # S: arg-type
VALIDATIONFAIL(retryable="no")  # S: arg-type
VALIDATIONFAIL(retryable=None)  # S: arg-type
CRASH(causes=True)  # S: arg-type
CRASH(retryable="no")  # S: arg-type
CRASH(retryable=None)  # S: arg-type
CANCEL(causes=("OSError",))  # S: arg-type
MAPFAIL(children=(Failed(), Running()))  # S: arg-type
MAPFAIL(children=(Failed(),), retryable="no")  # S: arg-type
MAPCANCEL(children=(Cancelled(), Failed()))  # S: arg-type

# ---- a name that no field has: a misspelt one, and one of another signal

PEND(mesage="why")  # S: call-arg
PEND(results=5)  # S: call-arg
PEND(cause=CAUSES)  # S: call-arg
PEND(owner="me")  # S: call-arg
SCHEDULE(mesage="why")  # S: call-arg
SCHEDULE(results=5)  # S: call-arg
SCHEDULE(cause=CAUSES)  # S: call-arg
SCHEDULE(starttime=NOW)  # S: call-arg
SCHEDULE(start=NOW)  # S: call-arg
SCHEDULE(retryable=True)  # S: call-arg
RESUME(mesage="why")  # S: call-arg
RESUME(results=5)  # S: call-arg
RESUME(cause=CAUSES)  # S: call-arg
RESUME(starttime=NOW)  # S: call-arg
RESUME(start=NOW)  # S: call-arg
RESUME(run_count=2)  # S: call-arg
RETRY(mesage="why")  # S: call-arg
RETRY(results=5)  # S: call-arg
RETRY(cause=CAUSES)  # S: call-arg
RETRY(starttime=NOW)  # S: call-arg
RETRY(start=NOW)  # S: call-arg
RETRY(runcount=2)  # S: call-arg
RETRY(count=2)  # S: call-arg
RETRY(expires=NOW)  # S: call-arg
LOOP(mesage="why")  # S: call-arg
LOOP(results=5)  # S: call-arg
LOOP(cause=CAUSES)  # S: call-arg
LOOP(starttime=NOW)  # S: call-arg
LOOP(start=NOW)  # S: call-arg
LOOP(loopcount=3)  # S: call-arg
LOOP(run_count=3)  # S: call-arg
LOOP(children=())  # S: call-arg
PAUSE(mesage="why")  # S: call-arg
PAUSE(results=5)  # S: call-arg
PAUSE(cause=CAUSES)  # S: call-arg
PAUSE(children=())  # S: call-arg
QUEUE(mesage="why", state=Pending())  # S: call-arg
QUEUE(results=5, state=Pending())  # S: call-arg
QUEUE(cause=CAUSES, state=Pending())  # S: call-arg
QUEUE(stat=Pending())  # S: call-arg
QUEUE(pending=Pending())  # S: call-arg
QUEUE(type="Success", state=Pending())  # S: call-arg
SUBMIT(mesage="why", state=Pending())  # S: call-arg
SUBMIT(results=5, state=Pending())  # S: call-arg
SUBMIT(cause=CAUSES, state=Pending())  # S: call-arg
SUBMIT(stat=Pending())  # S: call-arg
SUBMIT(pending=Pending())  # S: call-arg
SUBMIT(owner="me", state=Pending())  # S: call-arg
START(mesage="why")  # S: call-arg
START(results=5)  # S: call-arg
START(cause=CAUSES)  # S: call-arg
START(retryable=True)  # S: call-arg
STOP(mesage="why")  # S: call-arg
STOP(results=5)  # S: call-arg
STOP(cause=CAUSES)  # S: call-arg
STOP(run_count=2)  # S: call-arg
SUCCESS(mesage="why")  # S: call-arg
SUCCESS(results=5)  # S: call-arg
SUCCESS(cause=CAUSES)  # S: call-arg
SUCCESS(expires=NOW)  # S: call-arg
CACHE(mesage="why")  # S: call-arg
CACHE(results=5)  # S: call-arg
CACHE(cause=CAUSES)  # S: call-arg
CACHE(expire=NOW)  # S: call-arg
CACHE(expiry=NOW)  # S: call-arg
CACHE(start_time=NOW)  # S: call-arg
MAP(mesage="why")  # S: call-arg
MAP(results=5)  # S: call-arg
MAP(cause=CAUSES)  # S: call-arg
MAP(child=(Success(result=1), Failed()))  # S: call-arg
MAP(states=(Success(result=1), Failed()))  # S: call-arg
MAP(type="Success")  # S: call-arg
SKIP(mesage="why")  # S: call-arg
SKIP(results=5)  # S: call-arg
SKIP(cause=CAUSES)  # S: call-arg
SKIP(type="Success")  # S: call-arg
FAIL(mesage="why")  # S: call-arg
FAIL(results=5)  # S: call-arg
FAIL(cause=CAUSES)  # S: call-arg
FAIL(retriable=False)  # S: call-arg
FAIL(retry=False)  # S: call-arg
FAIL(owner="me")  # S: call-arg
TIMEOUT(mesage="why")  # S: call-arg
TIMEOUT(results=5)  # S: call-arg
TIMEOUT(cause=CAUSES)  # S: call-arg
TIMEOUT(retriable=False)  # S: call-arg
TIMEOUT(retry=False)  # S: call-arg
TIMEOUT(run_count=2)  # S: call-arg
TRIGGERFAIL(mesage="why")  # S: call-arg
TRIGGERFAIL(results=5)  # S: call-arg
TRIGGERFAIL(cause=CAUSES)  # S: call-arg
TRIGGERFAIL(retriable=False)  # S: call-arg
TRIGGERFAIL(retry=False)  # S: call-arg
TRIGGERFAIL(run_count=2)  # S: call-arg
VALIDATIONFAIL(mesage="why")  # S: call-arg
VALIDATIONFAIL(results=5)  # S: call-arg
VALIDATIONFAIL(cause=CAUSES)  # S: call-arg
VALIDATIONFAIL(retriable=False)  # S: call-arg
VALIDATIONFAIL(retry=False)  # S: call-arg
VALIDATIONFAIL(expires=NOW)  # S: call-arg
CRASH(mesage="why")  # S: call-arg
CRASH(results=5)  # S: call-arg
CRASH(cause=CAUSES)  # S: call-arg
CRASH(retriable=False)  # S: call-arg
CRASH(retry=False)  # S: call-arg
CRASH(start_time=NOW)  # S: call-arg
CANCEL(mesage="why")  # S: call-arg
CANCEL(results=5)  # S: call-arg
CANCEL(cause=CAUSES)  # S: call-arg
CANCEL(children=())  # S: call-arg
MAPFAIL()  # S: call-arg
MAPFAIL(child=(Failed(),))  # S: call-arg
MAPCANCEL("why")  # S: call-arg
MAPCANCEL(children=(Cancelled(),), retryable=False)  # S: call-arg

# ---- what is required and missing

QUEUE()  # S: call-arg
QUEUE("full")  # S: call-arg
QUEUE(message="full")  # S: call-arg
QUEUE(result=1, causes=CAUSES)  # S: call-arg
SUBMIT()  # S: call-arg
SUBMIT("full")  # S: call-arg
SUBMIT(message="full")  # S: call-arg
SUBMIT(result=1, causes=CAUSES)  # S: call-arg

# ---- the built-in signals are final, as a second signal of a state is an error


class AGAIN0(PEND): ...  # S: misc  # P: statesig


class AGAIN1(SCHEDULE): ...  # S: misc  # P: statesig


class AGAIN2(RESUME): ...  # S: misc  # P: statesig


class AGAIN3(RETRY): ...  # S: misc  # P: statesig


class AGAIN4(LOOP): ...  # S: misc  # P: statesig


class AGAIN5(PAUSE): ...  # S: misc  # P: statesig


class AGAIN6(QUEUE): ...  # S: misc  # P: statesig


class AGAIN7(SUBMIT): ...  # S: misc  # P: statesig


class AGAIN8(START): ...  # S: misc  # P: statesig


class AGAIN9(STOP): ...  # S: misc  # P: statesig


class AGAIN10(SUCCESS): ...  # S: misc  # P: statesig


class AGAIN11(CACHE): ...  # S: misc  # P: statesig


class AGAIN12(MAP): ...  # S: misc  # P: statesig


class AGAIN13(SKIP): ...  # S: misc  # P: statesig


class AGAIN14(FAIL): ...  # S: misc  # P: statesig


class AGAIN15(TIMEOUT): ...  # S: misc  # P: statesig


class AGAIN16(TRIGGERFAIL): ...  # S: misc  # P: statesig


class AGAIN17(VALIDATIONFAIL): ...  # S: misc  # P: statesig


class AGAIN18(CRASH): ...  # S: misc  # P: statesig


class AGAIN19(CANCEL): ...  # S: misc  # P: statesig


class AGAIN20(MAPFAIL): ...  # S: misc  # P: statesig


class AGAIN21(MAPCANCEL): ...  # S: misc  # P: statesig
