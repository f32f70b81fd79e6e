"""Which photos show one picture, found once and kept: all with all takes time as N^2."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from search.analysis.near_duplicates import VERSION, Pairs, copies
from search.store.files import write_arrays
from trainables.data.bounded_arrays import load_arrays
from trainables.data.sketches import Sketches

_NAMES = ("first", "second", "alike", "is_mirrored")


def known_copies(
    sketches: Sketches,
    digest: Sequence[str],
    cache_dir: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Pairs:
    """Returns the pairs of photos that show one picture, as `copies`.

    Args:
        sketches: of the photos.
        digest: of the file of each photo; empty of one to be left out.
        cache_dir: the pairs are kept in its folder `sketches`.
        progress: called with (photos done, photos), where they are not known yet.
    """
    told = hashlib.sha256("\n".join((str(VERSION), *digest)).encode()).hexdigest()[:24]
    path = cache_dir / "sketches" / f"pairs-{told}.npz"
    try:
        found = load_arrays(path)
        pairs = Pairs(**{name: found[name] for name in _NAMES})
    except (OSError, ValueError, LookupError):
        pairs = copies(sketches.luma, digest, progress)
        write_arrays(path, {name: getattr(pairs, name) for name in _NAMES})
    return pairs
