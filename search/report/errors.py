"""Errors a caller of `search.report` can cause: the rule, what came and the way out."""

from search.errors import SearchError


class ReportError(SearchError, ValueError):
    """What a page should show does not fit together, so no honest page can be made of it."""
