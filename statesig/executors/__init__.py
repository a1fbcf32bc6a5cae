"""Executors run the code of tasks in threads, on a loop, in processes or on a cluster; they must not know a flow."""
