"""A module that all by itself says what it has, and imports what is not installed here."""

from shop_no_such_dependency import Application


class Web(Application):
    pages: list[str]
