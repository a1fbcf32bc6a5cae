"""Static checking of signals, by a mypy plugin and by generated stubs; running programs must not need it."""
