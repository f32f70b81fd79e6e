"""Unlabelled photos that join the training where that wins."""
