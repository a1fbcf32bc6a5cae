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
    SKIP("no rows", reason="empty")  # E: call-arg
    SKIP(msg="no rows")  # E: call-arg
    FAIL("broken", retry=False)  # E: call-arg
    FAIL("broken", retryable="no")  # E: arg-type
    FAIL("broken", causes=ValueError("broken"))  # E: arg-type
    FAIL("broken", run_count=2)  # E: call-arg
    RETRY("busy", run_count=str(len(rows)))  # E: arg-type
    RETRY("busy", delay=30)  # E: call-arg
    RETRY("busy", start_time=delay)  # E: arg-type
    RETRY("busy", start_time="tomorrow")  # E: arg-type
    RETRY(run_count=None)  # E: arg-type
    PAUSE("ask", until=delay)  # E: arg-type
    PAUSE("ask", until=3600)  # E: arg-type
    PAUSE("ask", deadline=until)  # E: call-arg
    LOOP("again", loop_count=1.5)  # E: arg-type
    LOOP("again", run_count=1)  # E: call-arg
    SCHEDULE("later", start_time=until, run_count=1)  # E: call-arg
    RESUME("go on", until=until)  # E: call-arg
    CACHE(expires=delay)  # E: arg-type
    MAP(children=[Success()])  # E: arg-type
    MAP(children=(Failed(),))  # E: arg-type
    MAPFAIL("one failed")  # E: call-arg
    QUEUE(state=Success())  # E: arg-type
    CANCEL(b"stopped")  # E: arg-type
    CRASH("lost", worker="w1")  # E: call-arg
    TIMEOUT(seconds=3)  # E: call-arg
    TRIGGERFAIL("refused", retryable=None)  # E: arg-type
    SUCCESS(rows=rows)  # E: call-arg
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
