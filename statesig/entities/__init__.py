"""Entities: histories of a machine's states in a store, keyed by what they are of, and logs of them."""
