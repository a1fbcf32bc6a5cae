"""Mistakes with the built-in signals."""

from datetime import UTC, datetime, timedelta

from statesig import (
    CACHE,
    CANCEL,
    CRASH,
    FAIL,
    LOOP,
    MAP,
    MAPFAIL,
    PAUSE,
    QUEUE,
    RESUME,
    RETRY,
    SCHEDULE,
    SKIP,
    SUCCESS,
    TIMEOUT,
    TRIGGERFAIL,
    Failed,
    Paused,
    Signal,
    Skipped,
    Success,
    catching,
    signal_of,
)


def late(rows: list[int], until: datetime, delay: timedelta) -> None:
    SKIP(rows)  # E: arg-type
    SKIP("no rows", len(rows))  # E: call-arg
    SKIP("no rows", reason="empty")  # S: call-arg
    SKIP(msg="no rows")  # S: call-arg
    FAIL("broken", retry=False)  # S: call-arg
    FAIL("broken", retryable="no")  # S: arg-type
    FAIL("broken", causes=ValueError("broken"))  # S: arg-type
    FAIL("broken", run_count=2)  # S: call-arg
    RETRY("busy", run_count=str(len(rows)))  # S: arg-type
    RETRY("busy", delay=30)  # S: call-arg
    RETRY("busy", start_time=delay)  # S: arg-type
    RETRY("busy", start_time="tomorrow")  # S: arg-type
    RETRY(run_count=None)  # S: arg-type
    PAUSE("ask", until=delay)  # S: arg-type
    PAUSE("ask", until=3600)  # S: arg-type
    PAUSE("ask", deadline=until)  # S: call-arg
    LOOP("again", loop_count=1.5)  # S: arg-type
    LOOP("again", run_count=1)  # S: call-arg
    SCHEDULE("later", start_time=until, run_count=1)  # S: call-arg
    RESUME("go on", until=until)  # S: call-arg
    CACHE(expires=delay)  # S: arg-type
    MAP(children=[Success()])  # S: arg-type
    MAP(children=(Failed(),))  # S: arg-type
    MAPFAIL("one failed")  # S: call-arg
    QUEUE(state=Success())  # S: arg-type
    CANCEL(b"stopped")  # E: arg-type
    CRASH("lost", worker="w1")  # S: call-arg
    TIMEOUT(seconds=3)  # S: call-arg
    TRIGGERFAIL("refused", retryable=None)  # S: arg-type
    SUCCESS(rows=rows)  # S: call-arg
    raise SKIP.of(Failed())  # E: arg-type


def caught() -> int:
    try:
        print()
    except SKIP as signal:
        return signal.state.run_count  # E: attr-defined, no-any-return
    except RETRY as signal:
        signal.state = Skipped()  # E: assignment, misc
        return signal.state.message  # E: return-value
    except PAUSE as signal:
        return signal.until  # E: attr-defined, no-any-return
    except catching(Failed) as signal:
        return signal.state.children  # E: attr-defined, no-any-return
    except catching(FAIL):  # E: type-var
        return 0
    return 0


def raised(kind: type[Signal[Paused]], failed: Failed[int]) -> Signal[Success[int]]:
    print(kind().state.retryable)  # E: attr-defined
    if failed.retryable:
        raise failed  # E: misc
    if failed.message:
        raise Skipped("done")  # E: call-arg, misc
    return signal_of(failed)  # E: arg-type


NOW = datetime.now(UTC)
wait: Signal[Paused] = RETRY(start_time=NOW)  # E: assignment
signal_of(SKIP)  # E: type-var
signal_of(SKIP())  # E: type-var
