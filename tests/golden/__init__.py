"""States as released versions wrote them: see README.md."""
