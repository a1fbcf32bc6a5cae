"""A generic signal of a user's own carries the type of the result that it is given; here without a stub."""

from typing import Any, assert_type

from generics import COUNT, SAMPLE, SPLIT, UNSETTLE, Counted, Sampled, Unsettled

from statesig import Failed, Running, Signal, State, Success, advance, signal_of


def work(number: int, text: str, sampled: Sampled[int], unsettled: Unsettled[str]) -> None:
    # ---- right

    SAMPLE(share=0.5)
    SAMPLE("half of it", share=0.5, result=number, first=number)
    SAMPLE[int](share=0.5, result=number)
    UNSETTLE()
    UNSETTLE(result=text, run_count=2, since="monday")
    SPLIT(left=number, result=(number, number))
    COUNT(result=5, unit="m")
    assert_type(COUNT().state, Counted)
    assert_type(COUNT().state.unwrap(), int)
    assert_type(SAMPLE[int](share=0.5).state, Sampled[int])
    assert_type(SAMPLE[int](share=0.5).state.unwrap(), int)
    assert_type(SPLIT[int](left=number).state.unwrap(), tuple[int, int])
    assert_type(advance(Running(), SAMPLE[int](share=0.5)), Sampled[int])
    assert_type(advance(Running(), UNSETTLE[str]()), Unsettled[str])
    wide: Signal[Success[object]] = SAMPLE[int](share=0.5)
    given: SAMPLE[float] = SAMPLE(share=0.5, result=number)
    print(wide, given)

    # ---- the result is inferred

    print(SAMPLE(share=0.5, result=number).state.unwrap() + text)  # P: operator
    SAMPLE(share=0.5, first=text).state.unwrap().bit_length()  # P: attr-defined
    print(UNSETTLE(result=text).state.unwrap() + number)  # P: operator
    print(SPLIT(left=number).state.unwrap()[0] + text)  # P: operator
    print(advance(Running(), SAMPLE(share=0.5, result=number)).unwrap() + text)  # P: operator
    exact: Signal[Sampled[str]] = SAMPLE[int](share=0.5)  # E: assignment
    other: Signal[Failed[int]] = SAMPLE[int](share=0.5)  # E: assignment
    print(exact, other)

    # ---- wrong

    SAMPLE()  # P: call-arg
    SAMPLE(share="half")  # P: arg-type
    SAMPLE[int](share=0.5, result=text)  # P: arg-type
    SAMPLE[int](share=0.5, first=text)  # P: arg-type
    SAMPLE(share=0.5, shared=1)  # P: call-arg
    SAMPLE("half of it", 0.5)  # E: call-arg
    UNSETTLE(run_count="2")  # P: arg-type
    UNSETTLE(since=5)  # P: arg-type
    SPLIT[int](left=text)  # P: arg-type
    SPLIT[int](left=number, result=number)  # P: arg-type
    COUNT(result="five")  # P: arg-type
    COUNT(unit=5)  # P: arg-type
    COUNT[int]()  # E: misc

    # ---- a state's signal, and what is caught

    assert_type(signal_of(sampled), Signal[Sampled[int]])
    assert_type(signal_of(unsettled).state, Unsettled[str])


def caught() -> None:
    try:
        print()
    except SAMPLE as signal:
        assert_type(signal.state.share, float)
        state: State[Any] = signal.state
        print(state)
    except (UNSETTLE, SPLIT) as signal:
        assert_type(signal.state.message, str | None)
    except COUNT as signal:
        assert_type(signal.state, Counted)
        signal.state.unwrap() + "a"  # E: operator
