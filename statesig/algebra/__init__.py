"""Pure functions over states: transitions, joins, merges, results, captures and triggers. Nothing here reads JSON."""
