"""States, events, histories and triggers as JSON; it must not know a flow, an executor or a store."""
