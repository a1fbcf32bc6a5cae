"""The mypy plugin, under the name that configuration files give: ``plugins = statesig.mypy``."""

from statesig.checking.plugin import plugin

__all__ = ["plugin"]
