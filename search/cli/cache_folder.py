"""Where demo data and decoded images are kept."""

import os
from pathlib import Path

from search.store.files import check_writable


def default_cache() -> Path:
    """Returns the cache folder: `$XDG_CACHE_HOME/headrace`, else `~/.cache/headrace`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "headrace"


def writable_cache(given: Path | None) -> Path:
    """Returns the cache folder, given or the user's; UsageError where it cannot be written."""
    cache = given or default_cache()
    check_writable("--cache", cache)
    return cache
