"""Run a graph: decide, call, collect, store. The only user of the clock; nothing below it knows a run."""
