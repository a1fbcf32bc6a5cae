"""A program as a user of the library writes one, and the mistakes that could be made in it."""
