"""The executor on a Dask cluster; it must not know a flow or a run, nor import `distributed` before it is opened."""
