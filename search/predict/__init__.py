"""The ensemble at work: loading it, photos in, answers out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.predict.ensemble import Ensemble

__all__ = ["Ensemble"]


def __getattr__(name: str) -> Any:
    # Late: what only reads the files of an ensemble must not wait for torch.
    if name == "Ensemble":
        from search.predict.ensemble import Ensemble

        return Ensemble
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
