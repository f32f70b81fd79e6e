"""Errors a user of `search.analysis` can cause: the rule, the value that came and the way out."""

from search.errors import SearchError


class AnalysisError(SearchError, ValueError):
    """Predictions, labels or people do not fit together, so no statistic of them has a meaning."""
