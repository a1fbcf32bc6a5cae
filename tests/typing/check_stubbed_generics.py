"""Generic signals of a user's own with the stub of `python -m statesig stubs`: `stubbed_generics` is `generics`."""

from typing import assert_type

from stubbed_generics import COUNT, SAMPLE, SPLIT, UNSETTLE, Counted, Sampled, Split, Unsettled

from statesig import Running, Signal, Success, advance


def work(number: int, text: str) -> None:
    # ---- the result is inferred

    assert_type(SAMPLE(share=0.5, result=number), SAMPLE[int])
    assert_type(SAMPLE(share=0.5, result=number).state, Sampled[int])
    assert_type(SAMPLE(share=0.5, first=text).state.unwrap(), str)
    assert_type(SAMPLE[int](share=0.5).state.unwrap(), int)
    assert_type(UNSETTLE("wait", result=text, since="monday").state, Unsettled[str])
    assert_type(SPLIT(left=number).state, Split[int])
    assert_type(SPLIT(left=number, result=(number, number)).state.unwrap(), tuple[int, int])
    assert_type(advance(Running(), SAMPLE(share=0.5, result=number)), Sampled[int])
    assert_type(COUNT(result=5, unit="m").state, Counted)
    assert_type(COUNT().state.unwrap(), int)
    wide: Signal[Success[object]] = SAMPLE[int](share=0.5)
    given: SAMPLE[float] = SAMPLE(share=0.5, result=number)
    print(wide, given)

    # ---- wrong

    print(SAMPLE(share=0.5, result=number).state.unwrap() + text)  # S: operator
    SAMPLE()  # S: call-arg
    SAMPLE(share="half")  # S: arg-type
    SAMPLE[int](share=0.5, result=text)  # S: arg-type
    SAMPLE[int](share=0.5, first=text)  # S: arg-type
    SAMPLE(share=0.5, shared=1)  # S: call-arg
    SAMPLE("half of it", 0.5)  # E: call-arg
    UNSETTLE(run_count="2")  # S: arg-type
    UNSETTLE(since=5)  # S: arg-type
    SPLIT[int](left=text)  # S: arg-type
    SPLIT[int](left=number, result=number)  # S: arg-type
    COUNT(result="five")  # S: arg-type
    COUNT(unit=5)  # S: arg-type
