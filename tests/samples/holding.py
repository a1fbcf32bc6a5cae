"""Run a flow of `gates` in a thread of another, with a short lease, until somebody else cancels it; print its state."""

import sys
from pathlib import Path

from tests.samples.gates import gated

if __name__ == "__main__":
    store, gate = sys.argv[1:]
    run = gated.run(store=store, gate=Path(gate), executor="threads", lease=0.6)
    print(run.id, run.state.type)
