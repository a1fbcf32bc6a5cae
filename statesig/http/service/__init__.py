"""The server of stored runs: `application` makes it, `access` says who may do what. Nothing here runs a task itself."""
