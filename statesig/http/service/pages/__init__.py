"""The page of a server, for people: what its API shows and does, as HTML that needs no script."""
