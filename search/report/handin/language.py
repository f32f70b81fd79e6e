"""The language of a form: every text stands in both, side by side, where it is used."""

from enum import StrEnum


class Language(StrEnum):
    """The language that a form is written in."""

    EN = "en"
    KO = "ko"

    def __call__(self, english: str, korean: str) -> str:
        """Returns the text in this language."""
        return english if self is Language.EN else korean
