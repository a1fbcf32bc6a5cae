"""Mistakes with signals of one's own, whose module has a stub."""

from typing import Any

from stubbed import HOLD, QUARANTINE, OnHold, Quarantined
from stubbed_generics import COUNT, SAMPLE, SPLIT, UNSETTLE, Counted, Sampled

from statesig import Running, Signal, Success, advance, catching, signal_of


def hold(name: str, number: int, rows: list[int]) -> None:
    HOLD(name, name)  # E: call-arg
    HOLD(number)  # E: arg-type
    HOLD(owner=number)  # S: arg-type
    HOLD(owner=None)  # S: arg-type
    HOLD(holder=name)  # S: call-arg
    HOLD(until=number)  # S: arg-type
    QUARANTINE()  # S: call-arg
    QUARANTINE(name)  # S: call-arg
    QUARANTINE(reason=rows)  # S: arg-type
    QUARANTINE(reason=name, rows=rows)  # S: call-arg
    QUARANTINE(name, name)  # E: call-arg
    SAMPLE(share=name)  # S: arg-type
    SAMPLE(first=number)  # S: call-arg
    SAMPLE(share=0.5, of=number)  # S: call-arg
    SAMPLE[int](share=0.5, result=name)  # S: arg-type
    COUNT(result=name)  # S: arg-type
    COUNT(unit=number)  # S: arg-type
    COUNT(result=number, units="m")  # S: call-arg
    UNSETTLE(since=number)  # S: arg-type
    UNSETTLE(run_count=name)  # S: arg-type
    SPLIT()  # S: call-arg
    SPLIT[int](left=name)  # S: arg-type
    raise QUARANTINE(name, reason=5)  # S: arg-type


def states(state: Quarantined[int], held: OnHold[Any], counted: Counted) -> str:
    number: int = signal_of(held).state.owner  # E: assignment
    print(number, signal_of(state).state.owner)  # E: attr-defined
    wide: Signal[Success[str]] = signal_of(counted)  # E: arg-type
    print(wide, advance(Running(), HOLD()).reason)  # E: attr-defined
    return counted.unwrap()  # E: return-value


def caught() -> int:
    try:
        print()
    except QUARANTINE as signal:
        return signal.state.reason  # E: return-value
    except HOLD as signal:
        signal.state.owner = "me"  # E: misc
        return signal.owner  # E: attr-defined, no-any-return
    except catching(Sampled) as signal:
        return signal.state.share  # E: return-value
    except COUNT as signal:
        return signal.state.first  # E: attr-defined, no-any-return
    return 0
