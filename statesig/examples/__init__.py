"""Example programs to read, run and copy, clean in strict type checkers. Nothing in the package may import them."""
