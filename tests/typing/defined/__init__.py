"""Modules that import one another, and define what others have."""
