"""The ensemble at work: loading it, photos in, answers out."""

from search.predict.ensemble import Ensemble

__all__ = ["Ensemble"]
