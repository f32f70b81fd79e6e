"""Errors a user of `spaces` can cause."""


class SpaceError(ValueError):
    """A space is unknown, malformed, or asks for what the data lacks."""
