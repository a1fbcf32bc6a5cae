"""The settings of Hypothesis for every test, whichever file is run, alone or with others.

`STATESIG_EXAMPLES` in the environment sets how many payloads a property draws (5; `.ci/run` sets 10, and 1000 with
`--thorough`). A busy machine fails no test: how long a draw takes says nothing about what is drawn.
"""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("STATESIG_EXAMPLES", "5"))

settings.register_profile(
    "statesig",
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("statesig")
