"""Tasks and the graph of their calls: what to run. Nothing here runs anything."""
