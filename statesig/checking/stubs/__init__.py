"""The generator of stubs for modules that define signals; it must never overwrite a file written by hand."""
