"""Small user programs: the tests import them, or run them."""
