"""Scores and their luck: resampled people, training seeds, intervals, power."""
