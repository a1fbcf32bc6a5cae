"""What the package keeps to itself."""

Pairs = list[tuple[str, int]]
