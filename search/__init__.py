"""Orchestration: the one package that knows spaces, trainables, Ray, Optuna and the disk."""
