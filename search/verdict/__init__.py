"""Verdict and report of a run, or of anybody's prediction files; trains nothing."""
