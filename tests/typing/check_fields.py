"""Each built-in signal takes exactly the fields of its state; no marked line here is flagged without the stub."""

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
    ErrorInfo,
    Failed,
    Pending,
    Running,
    Success,
)

NOW = datetime.now(UTC)
CAUSES = (ErrorInfo(type="OSError", message="disk full"),)

# ---- right

PEND()
PEND("not yet")
PEND(message="not yet", result=1, causes=CAUSES)
SCHEDULE("at night", start_time=NOW)
SCHEDULE(message="at night", result=1, causes=CAUSES, start_time=None)
RESUME("a person said so", start_time=NOW)
RESUME(message="a person said so", result=1, causes=CAUSES, start_time=NOW)
RETRY("again", run_count=2)
RETRY(message="again", result=1, causes=CAUSES, start_time=NOW, run_count=2)
LOOP("next page", result=["a"], loop_count=2)
LOOP(message="next page", result=1, causes=CAUSES, start_time=NOW, loop_count=2)
PAUSE("look at it")
PAUSE(message="look at it", result=1, causes=CAUSES)
QUEUE(state=Pending())
QUEUE("full", state=Pending())
QUEUE(message="full", result=1, causes=CAUSES, state=Pending())
SUBMIT(state=Pending())
SUBMIT(message="sent", result=1, causes=CAUSES, state=Pending())
START("go")
START(message="go", result=1, causes=CAUSES)
STOP("enough")
STOP(message="enough", result=1, causes=CAUSES)
SUCCESS("early", result={"rows": 5})
SUCCESS(message="early", result=1, causes=CAUSES)
CACHE("from yesterday", result=5, expires=NOW)
CACHE(message="from yesterday", result=1, causes=CAUSES, expires=None)
MAP("all three", children=(Success(result=1), Failed(), Running()))
MAP(message="all three", result=[1], causes=CAUSES, children=())
SKIP("no new rows")
SKIP(message="no new rows", result=1, causes=CAUSES)
FAIL("no such table", retryable=False)
FAIL(message="no such table", result=1, causes=CAUSES, retryable=True)
TIMEOUT("30 s", retryable=True)
TIMEOUT(message="30 s", result=1, causes=CAUSES, retryable=False)
TRIGGERFAIL("upstream", retryable=True)
TRIGGERFAIL(message="upstream", result=1, causes=CAUSES, retryable=False)
VALIDATIONFAIL("negative price", retryable=False)
VALIDATIONFAIL(message="negative price", result=1, causes=CAUSES, retryable=False)
CRASH("worker lost", retryable=True)
CRASH(message="worker lost", result=1, causes=CAUSES, retryable=False)
CANCEL("asked to")
CANCEL(message="asked to", result=1, causes=CAUSES)

# ---- a name that no field has

PEND(mesage="not yet")  # E: call-arg
SCHEDULE(starttime=NOW)  # E: call-arg
RESUME(run_count=2)  # E: call-arg
RETRY(runcount=2)  # E: call-arg
LOOP(run_count=2)  # E: call-arg
PAUSE(owner="me")  # E: call-arg
QUEUE(state=Pending(), place=2)  # E: call-arg
SUBMIT(state=Pending(), to="a")  # E: call-arg
START(pid=2)  # E: call-arg
STOP(now=True)  # E: call-arg
SUCCESS(results=5)  # E: call-arg
CACHE(expire=NOW)  # E: call-arg
MAP(child=())  # E: call-arg
SKIP(retryable=True)  # E: call-arg
FAIL(retriable=True)  # E: call-arg
TIMEOUT(seconds=30)  # E: call-arg
TRIGGERFAIL(trigger="all")  # E: call-arg
VALIDATIONFAIL(path="a.b")  # E: call-arg
CRASH(retry=True)  # E: call-arg
CANCEL(by="me")  # E: call-arg

# ---- a value of another type

PEND(causes=5)  # E: arg-type
SCHEDULE(start_time="tomorrow")  # E: arg-type
RESUME(start_time=5)  # E: arg-type
RETRY("again", run_count="2")  # E: arg-type
LOOP(loop_count=None)  # E: arg-type
PAUSE(causes=(5,))  # E: arg-type
QUEUE(state=Running())  # E: arg-type
SUBMIT(state=Success())  # E: arg-type
START(causes="none")  # E: arg-type
STOP(causes=[*CAUSES])  # E: arg-type
SUCCESS(causes=CAUSES[0])  # E: arg-type
CACHE(expires=60)  # E: arg-type
MAP(children=(1, 2))  # E: arg-type
SKIP(causes=(ValueError(),))  # E: arg-type
FAIL(retryable="no")  # E: arg-type
TIMEOUT(retryable=None)  # E: arg-type
TRIGGERFAIL(causes=ValueError())  # E: arg-type
VALIDATIONFAIL(causes=None)  # E: arg-type
CRASH(retryable=2.5)  # E: arg-type
CANCEL(causes=True)  # E: arg-type

# ---- what is required and missing

QUEUE()  # E: call-arg
QUEUE("full")  # E: call-arg
SUBMIT(result=1)  # E: call-arg
