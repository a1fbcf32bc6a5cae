"""Commands for those who work on statesig: generated tables, and mutants."""
