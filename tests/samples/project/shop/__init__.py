"""A shop's day: its orders are checked, paid, packed and reported on."""
