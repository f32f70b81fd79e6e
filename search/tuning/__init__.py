"""The search itself: Optuna's journal, Ray's run, and who gets the next slot."""
