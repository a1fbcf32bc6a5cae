"""Programs to read, run and copy; the tests run them, and type checkers pass them in strict mode."""
