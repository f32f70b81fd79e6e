"""Which forms there are, and in which file of a run each stands; loads nothing."""

from enum import StrEnum


class Template(StrEnum):
    """A form, by its name on the command line."""

    WRAPUP_KO = "wrapup-ko"
    WRAPUP_EN = "wrapup-en"
    PAPER = "paper"

    @property
    def file(self) -> str:
        """Name of its file in the folder of a run."""
        return "paper.tex" if self is Template.PAPER else f"{self.value}.md"


TEMPLATES = tuple(each.value for each in Template)
