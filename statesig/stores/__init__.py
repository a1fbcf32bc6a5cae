"""Stores keep runs, histories, leases and caches in SQL databases; they must not know a flow or run a task."""
