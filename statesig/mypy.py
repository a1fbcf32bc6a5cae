"""The mypy plugin under the name for configuration files: ``plugins = statesig.mypy``."""

from statesig.checking.plugin import plugin

__all__ = ["plugin"]
