"""Errors a user of `spaces` can cause."""

_MAX_MESSAGE = 1_900
"""Characters: what a space file raises may hold all it was given."""


class SpaceError(ValueError):
    """A space is unknown, malformed, or asks for what the data lacks."""

    def __init__(self, message: str = "") -> None:
        cut = f"{message[:_MAX_MESSAGE]} ..." if len(message) > _MAX_MESSAGE else message
        super().__init__(cut)
